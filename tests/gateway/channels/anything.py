"""What upstreams might answer: any JSON, often with the names that matter in odd places."""

from typing import Any, NamedTuple

from hypothesis import strategies as st

from gateway.channels.failure import Failure

NAMES = (
    "error code type status details reason message error_code base_resp status_code header"
    " response retryDelay __type"
).split()
LABELS = (
    "invalid_api_key insufficient_quota authentication_error content_policy_violation"
    " rate_limit_error API_KEY_INVALID 401 429 34s model_not_found"
).split()

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=5)
    | st.sampled_from(LABELS)
)
anything: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=20,
)


class Vendor(NamedTuple):
    """What matters of a vendor here."""

    id: int
    protocol: str


def vendor(protocol: str = "openai", type_id: int = 1) -> Vendor:
    """Return a vendor of this type that speaks this protocol."""
    return Vendor(type_id, protocol)


@st.composite
def a_failure(draw: st.DrawFn) -> Failure:
    """Any failure that can be read."""
    status = draw(st.none() | st.integers(300, 599))
    return Failure(
        draw(st.sampled_from(["openai", "anthropic", "gemini", "sandbox"])),
        draw(st.integers(1, 60)),
        status,
        status,
        draw(st.sampled_from(["", *LABELS])),
        draw(st.sampled_from(["", *LABELS])),
        draw(st.none() | st.floats(0, 10_000)),
    )


failures = a_failure()
