"""The routes of /api, in the order in which they are tried."""

from collections.abc import Sequence

from tornado.routing import URLSpec
from tornado.web import RequestHandler

from admin.context import AdminContext
from admin.handlers import (
    account,
    api_document,
    audit,
    channel_care,
    channel_tests,
    channel_types,
    channels,
    credentials,
    dashboard,
    ledger,
    logs,
    missing,
    options,
    payment_notices,
    payments,
    prices,
    public,
    receipts,
    reconcile,
    redemptions,
    reprice,
    reversals,
    session,
    statements,
    tokens,
    topup,
    users,
)

_ID = r"(\d{1,15})"
_NUMBER = r"(\d{1,9})"
_HEX = r"([0-9a-f]{16,64})"
_ORDER = r"([0-9a-z]{1,40})"
_NAME = r"([0-9a-z-]{1,60})"

ROUTES: Sequence[tuple[str, type[RequestHandler]]] = (
    ("status", public.StatusHandler),
    ("openapi.json", api_document.ApiDocumentHandler),
    ("(notice|about|home_page_content)", public.TextHandler),
    ("user/login", session.LoginHandler),
    ("user/logout", session.LogoutHandler),
    ("user/self", account.SelfHandler),
    ("user/token", account.AccessTokenHandler),
    ("user/aff", account.InviteCodeHandler),
    ("user/available_models", account.AvailableModelsHandler),
    ("user/dashboard", account.DashboardHandler),
    ("user/topup", account.RedeemHandler),
    ("user/tokens", credentials.AccessTokensHandler),
    (f"user/tokens/{_HEX}", credentials.AccessTokenHandler),
    ("user/sessions", credentials.SessionsHandler),
    (f"user/sessions/{_HEX}", credentials.SessionHandler),
    ("user/totp", credentials.SecondFactorHandler),
    (f"user/{_ID}/totp", credentials.UsersSecondFactorHandler),
    ("user/manage", users.ManageHandler),
    ("user/search", users.UserSearchHandler),
    (f"user/{_ID}", users.UserHandler),
    ("user", users.UsersHandler),
    ("topup", topup.CreditHandler),
    ("token/search", tokens.TokenSearchHandler),
    (f"token/{_ID}", tokens.TokenHandler),
    ("token", tokens.TokensHandler),
    ("channel/search", channels.ChannelSearchHandler),
    ("channel/types", channel_types.ChannelTypesHandler),
    ("channel/models", channel_tests.ChannelModelsHandler),
    ("channel/care", channel_care.RoundsHandler),
    (f"channel/{_ID}/care", channel_care.ChannelCareHandler),
    (f"channel/{_ID}/upstream_models", channel_care.UpstreamModelsHandler),
    ("channel/test", channel_tests.TestAllHandler),
    (f"channel/test/{_ID}", channel_tests.ChannelTestHandler),
    ("channel/update_balance", channel_care.BalancesHandler),
    (f"channel/update_balance/{_ID}", channel_care.BalanceHandler),
    ("channel/disabled", channels.DisabledChannelsHandler),
    (f"channel/{_ID}", channels.ChannelHandler),
    ("channel", channels.ChannelsHandler),
    ("models", channel_tests.TypeModelsHandler),
    ("redemption/search", redemptions.CodeSearchHandler),
    ("redemption/export", redemptions.CodeExportHandler),
    (f"redemption/{_ID}", redemptions.CodeHandler),
    ("redemption", redemptions.CodesHandler),
    ("log", logs.LogHandler),
    ("log/stat", logs.LogStatHandler),
    ("log/search", logs.LogSearchHandler),
    ("log/self", logs.OwnLogHandler),
    ("log/self/stat", logs.OwnLogStatHandler),
    ("log/self/search", logs.OwnLogSearchHandler),
    ("option", options.OptionsHandler),
    ("group", options.GroupsHandler),
    ("payment/ways", payments.WaysHandler),
    ("payment/orders", payments.OrdersHandler),
    ("payment/orders/all", payments.AllOrdersHandler),
    (f"payment/orders/{_ORDER}", payments.OrderHandler),
    ("payment/refused", payments.RefusedHandler),
    ("payment/webhook", payment_notices.WebhookHandler),
    ("payment/epay", payment_notices.EpayHandler),
    ("payment/stripe", payment_notices.StripeHandler),
    ("ledger/events", ledger.EventsHandler),
    ("ledger/events/(.{1,600}?)/receipt", receipts.ReceiptHandler),
    ("ledger/events/(.{1,600}?)", ledger.EventHandler),
    ("ledger/balance", ledger.BalanceHandler),
    ("ledger/export", ledger.ExportHandler),
    ("ledger/statement", statements.StatementHandler),
    ("ledger/dashboard", dashboard.DashboardHandler),
    ("ledger/verify", ledger.VerifyHandler),
    ("ledger/seals", receipts.SealsHandler),
    ("ledger/audit", audit.AuditHandler),
    ("ledger/prices", prices.PricesHandler),
    ("ledger/prices/proposals", prices.ProposalsHandler),
    ("ledger/prices/proposals/dismiss", prices.DismissHandler),
    (f"ledger/prices/{_NUMBER}", prices.PriceVersionHandler),
    (f"ledger/prices/{_NUMBER}/diff/{_NUMBER}", prices.PriceDiffHandler),
    (f"ledger/prices/{_NUMBER}/rollback", prices.RollbackHandler),
    (f"ledger/prices/{_NUMBER}/cancel", prices.CancelHandler),
    ("ledger/reprice", reprice.RepriceHandler),
    ("ledger/reconcile", reconcile.ReconcileHandler),
    ("ledger/reverse", reversals.ReverseHandler),
    ("ledger/reversals", reversals.ReversalsHandler),
    (f"ledger/reversals/{_NAME}/approve", reversals.ApproveHandler),
    (f"ledger/reversals/{_NAME}/reject", reversals.RejectHandler),
    (f"ledger/reversals/{_NAME}", reversals.ReversalHandler),
    ("ledger/self/events", ledger.OwnEventsHandler),
    ("ledger/self/events/(.{1,600}?)/receipt", receipts.OwnReceiptHandler),
    ("ledger/self/events/(.{1,600}?)", ledger.OwnEventHandler),
    ("ledger/self/dashboard", dashboard.OwnDashboardHandler),
    ("ledger/self/balance", ledger.OwnBalanceHandler),
    ("ledger/self/export", ledger.OwnExportHandler),
    ("ledger/self/statement", statements.OwnStatementHandler),
)


def routes(context: AdminContext) -> list[URLSpec]:
    """Return every route of /api, the last of which answers for paths that do not exist.

    One API's clients write some paths with a slash at the end and some without; both are the same.
    """
    dependencies = {"context": context}
    specs = [URLSpec(rf"/api/{path}/?", handler, dependencies) for path, handler in ROUTES]
    return [*specs, URLSpec(r"/api(?:/.*)?", missing.MissingHandler, dependencies)]
