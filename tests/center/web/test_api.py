"""The JSON interface against its own OpenAPI document: whatever is sent, the answer is one that stands there."""

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from center.arguments import POLICY, policy_of
from center.web.api import openapi
from tests.center.web.conftest import TOKEN
from tests.center.web.served import Served
from tests.support.waiting import PATIENCE_S

KNOWN = {"code": "410105", "unit": "U1"}
DOCUMENT = schemathesis.openapi.from_dict(openapi([kind.id for kind in policy_of(POLICY).kinds if kind.counts]))


@pytest.mark.parametrize("known", [True, False])
@DOCUMENT.parametrize()
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_of_the_document(case, known: bool, served: Served) -> None:
    """Of places that are there, and of any: no fault of the server, only statuses, shapes and headers that the document
    names; what it does not allow is refused, also without a token and by another method.
    """
    if known:
        case.path_parameters = {name: KNOWN[name] for name in case.path_parameters}
    case.call_and_validate(
        base_url=f"http://127.0.0.1:{served.port}",
        headers={"Authorization": f"Bearer {TOKEN}-sheng"},
        timeout=PATIENCE_S,
        excluded_checks=[positive_data_acceptance],  # a month to come is refused, which no schema can say
    )
