"""Dialogs, drawers and menus of the console: from which page each is opened, and how.

Used for pictures (tests.shots) and by the test that checks each for those who do not see it.
Selectors are the same in both languages.
"""

from dataclasses import dataclass

from playwright.sync_api import Page, expect

from tests.e2e.world import PASSWORD

#: What is clicked; or a selector and what is typed there, or is in the file.
Step = str | tuple[str, str]


@dataclass(frozen=True)
class State:
    """A state of a page. `phone`: there is such a thing on phones only; `refused`: the server says
    no on the way, which browsers complain of."""

    path: str
    steps: tuple[Step, ...] = ()
    phone: bool = False
    refused: bool = False


def state(path: str, *steps: Step, phone: bool = False, refused: bool = False) -> State:
    return State(path, steps, phone, refused)


_BILL = "request id,time,model,cost\nreq-1,2026-01-01T00:00:00Z,sandbox-chat,0.0012\n"
_FIRST = "tbody tr:first-child"
_USE = f"{_FIRST} td:last-child .button"
_CHARGE = (f"{_FIRST} td.amount a", "dialog .lead-amount")
_KEY_ACTS = "dialog .drawer-body > section:last-child"
_SUBMIT = "dialog form button[type=submit]"
_USER = "/users?user=2"
_BY_FILTER = ("/reversals?new=1", "dialog .segments label:last-child", ("[name=user]", "2"))
_DRAFT = ("/prices?edit=1&q=sandbox-chat", (".rate-input >> nth=0", "7"), ".page-head .primary")
_TOKEN = ("/profile", "#new-token", ("dialog [name=name]", "backup script"))

STATES: dict[str, State] = {
    # The frame
    "palette": state("/overview", "#find", ("dialog input", "ke")),
    "palette_none": state("/overview", "#find", ("dialog input", "nothing like it")),
    "account": state("/overview", ".topbar .menu > .button"),
    "rail": state("/overview", ".menu-button", phone=True),
    "rail_root": state("/dashboard", ".menu-button", phone=True),
    "chooser": state("/log", ".chooser .button"),
    # Use
    "key_new": state("/keys?new=1"),
    "key_faults": state("/keys?new=1", "dialog .check input", _SUBMIT),
    "key": state("/keys", _USE),
    "key_apps": state("/keys", _USE, ".use-key .segments label:last-child"),
    "key_edit": state("/keys", _USE, f"{_KEY_ACTS} button:nth-of-type(1)"),
    "key_rotate": state("/keys", _USE, f"{_KEY_ACTS} button:nth-of-type(2)"),
    "key_delete": state("/keys", _USE, f"{_KEY_ACTS} button:last-of-type"),
    "key_bulk": state("/keys", f"{_FIRST} .pick input"),
    "charge": state("/log", *_CHARGE),
    "charge_raw": state("/log", *_CHARGE, "dialog details:last-of-type summary"),
    "export": state("/log", ".page-head .menu > .button"),
    "answer": state("/playground", ("textarea[name=message]", "How much?"), ".composer .primary"),
    "statement_receipt": state("/statement?group=none", "[data-receipt]"),
    "order": state("/topup", "tbody tr:has(td .row)"),
    "order_end": state("/topup", "tbody td .row .bare"),
    "code_wrong": state(
        "/topup", ("textarea[name=codes]", "no-such-code"), "#redeem", refused=True
    ),
    "second_factor": state(
        "/profile", "#totp-on", ("dialog [name=password]", PASSWORD), _SUBMIT, "dialog .qr"
    ),
    "second_factor_wrong": state(
        "/profile",
        "#totp-on",
        ("dialog [name=password]", "no"),
        _SUBMIT,
        "dialog .notice",
        refused=True,
    ),
    "token": state(*_TOKEN),
    "token_made": state(*_TOKEN, _SUBMIT),
    "leave": state("/profile", "#leave"),
    "password_wrong": state("/profile", ("[name=new-password]", "short"), "#save-password"),
    "model_prices": state("/pricing?model=sandbox-chat"),
    "api_operation": state("/api", ".api-operation summary"),
    # Operate
    "channel": state("/channels?channel=1"),
    "channel_test": state("/channels?channel=1&tab=test", ".trial-form .primary", ".trial"),
    "channel_care": state("/channels?channel=1&tab=care"),
    "channel_list": state("/channels?add="),
    "channel_new": state("/channels?add=1"),
    "channel_azure": state("/channels?add=3"),
    "channel_aws": state("/channels?add=33"),
    "channel_folds": state(
        "/channels?add=14", "dialog .fold summary >> nth=0", "dialog .fold summary >> nth=4"
    ),
    "channel_faults": state("/channels?add=3", "dialog .save-bar .primary", refused=True),
    "channel_menu": state("/channels", f"{_FIRST} .menu > .button"),
    "channel_all": state("/channels", ".page-head .menu > .button"),
    "channel_bulk": state("/channels", f"{_FIRST} .pick input", ".bulk .button >> nth=2"),
    "channel_delete": state("/channels", f"{_FIRST} .pick input", ".bulk .button >> nth=4"),
    "user": state(_USER),
    "user_menu": state(_USER, "dialog .menu > .button"),
    "user_disable": state(_USER, "dialog .menu > .button", "[data-act=disable]"),
    "user_credit": state(_USER, "[data-act=credit]", ("[name=amount]", "12.5")),
    "user_take": state(_USER, "[data-act=take]", _SUBMIT),
    "user_edit": state(_USER, "[data-act=edit]"),
    "user_new": state("/users", "#new-user"),
    "codes_new": state("/codes", ".page-head .primary"),
    "batch": state("/codes?view=batches&batch=1"),
    "batch_end": state("/codes?view=batches&batch=1", "[data-act=end]"),
    "model": state("/prices?model=sandbox-chat"),
    "price_add": state("/prices", ".page-head .button", _SUBMIT),
    "price_edit": state(*_DRAFT[:2]),
    "price_draft": state(*_DRAFT, ".measure section .button"),
    "price_when": state(*_DRAFT, ".publish .segments label:last-child", ".publish .primary"),
    "price_publish": state(*_DRAFT, ".publish .primary"),
    "price_missing": state("/prices?tab=missing"),
    "price_versions": state("/prices?tab=versions"),
    "price_version": state("/prices?tab=versions&version=3"),
    "price_cancel": state("/prices?tab=versions&version=3", "dialog .button.danger"),
    "price_proposals": state("/prices?tab=proposals"),
    "price_groups": state("/prices?tab=groups"),
    "notices_dead": state("/notices?state=dead"),
    "orders_refused": state("/orders?show=refused"),
    "option_unsaved": state("/options", (".option-group .field input >> nth=0", "Harbour")),
    "option_publish": state(
        "/options?group=ratios", (".map-row input >> nth=1", "2"), ".savebar .primary"
    ),
    # Audit
    "event": state("/ledger?type=usage.charged", _FIRST, "dialog .lead-amount"),
    "event_reverse": state("/ledger?type=usage.charged", "tbody tr:last-child", "#reverse"),
    "reversal": state("/reversals?new=1"),
    "reversal_filter": state(*_BY_FILTER),
    "reversal_numbers": state(*_BY_FILTER, _SUBMIT, ("dialog [name=reason]", "Slow answers")),
    "reversal_withdraw": state("/reversals", "[data-act=withdraw]"),
    "change": state("/changes", f"{_FIRST} td:first-child"),
    "bill": state("/reconcile", ("input[type=file]", _BILL)),
    "balances_then": state("/balances?at=2030-01-01T00:00&then=2020-01-01T00:00"),
    "balance_of_one": state("/balances?account=user:2"),
    "verified": state("/verify", "#verify-all"),
    "audited": state("/verify", "#audit-now"),
} | {
    f"options_{group}": state(f"/options?group={group}")
    for group in (
        "texts signin registration mail notices payments ratios limits care relay safety"
    ).split()
}


def _put(page: Page, selector: str, text: str) -> None:
    """Type a text, or give it as a file."""
    node = page.locator(selector).first
    if selector == "input[type=file]":
        node.set_input_files({"name": "bill.csv", "mimeType": "text/csv", "buffer": text.encode()})
    else:
        node.fill(text)
        node.blur()


def reach(page: Page, state: State) -> None:
    """Take the steps to a state, on its page, and wait until all is there."""
    for step in state.steps:
        if isinstance(step, str):
            page.locator(step).first.click()
        else:
            _put(page, *step)
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
