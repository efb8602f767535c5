"""The process that runs submission code. It owns nothing worth stealing."""
