"""DynamoDB's attribute values as they travel, `{"S": "text"}`, without botocore looking at each of them."""

from botocore.session import Session, get_session


def session() -> Session:
    """A session whose DynamoDB clients leave attribute values as they travel.

    botocore looks at every value of every request and answer, to turn what is binary into bytes. Not into what a
    service's model calls a document, though: JSON of the caller's own. Profiles hold nothing binary.
    """
    made = get_session()
    model = made.get_component("data_loader").load_service_model("dynamodb", "service-2", api_version=None)
    model["shapes"]["AttributeValue"]["document"] = True
    return made
