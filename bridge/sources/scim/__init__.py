"""SCIM 2.0 as Okta and Entra ID speak it: pure functions from JSON to `bridge.core.record.Record` and back.

May import: `core`, the standard library, and scim2-filter-parser with sly for the grammar of filters.
Source: RFC 7643 (schemas) and RFC 7644 (protocol).
"""
