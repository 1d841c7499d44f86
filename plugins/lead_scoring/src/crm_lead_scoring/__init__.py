"""Lead scoring for the CRM: a score from 0 to 100, a grade from A to D, and the reasons for both."""

from __future__ import annotations
