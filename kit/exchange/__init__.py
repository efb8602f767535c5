"""What referee and trainer share: messages, one socket, and one directory in memory."""
