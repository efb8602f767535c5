"""What about this machine helps or hinders an honest measurement. Imports no framework."""

from kit.doctor.examination import examine
from kit.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine"]
