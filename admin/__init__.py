"""The management API and sign-in: One API's /api routes, and /api/ledger."""

from admin.context import AdminContext, TestResult
from admin.urls import routes

__all__ = ["AdminContext", "TestResult", "routes"]
