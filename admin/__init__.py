"""The management API and sign-in: One API's /api routes, and /api/ledger."""

from admin.context import AdminContext
from admin.urls import routes

__all__ = ["AdminContext", "routes"]
