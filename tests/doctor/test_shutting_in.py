"""Whether the strongest local isolation works."""

from __future__ import annotations

from kit.doctor import Level, shutting_in


def test_broken_bubblewrap_is_a_warning_with_its_reason():
    finding = shutting_in.bubblewrap(lambda: "bwrap is not installed")
    assert finding.level is Level.WARNING
    assert finding.text.startswith("bwrap is not installed; trainers run as plain processes")
