"""The SCIM/IdP webhook bridge for PostHog.

Only the version lives here: `python3 -m bridge` must work before anything is installed, so this file and `__main__`
import nothing but the standard library.
"""

__version__ = "0.1.0"
