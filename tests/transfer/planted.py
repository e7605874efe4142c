"""Fictitious secrets for tests of redaction."""

import json

SECRETS = {
    "anthropic-key": "sk-ant-" + "api03-" + "Zk3_v9Qm" * 11 + "AA",
    "openai-key": "sk-" + "proj-" + "aB3dE5fG7hJ9kL1mN3pQ5rS7",
    "llm-key": "gsk_" + "x7Yp2Qw9Er4Ty6Ui8Op1As3D",
    "huggingface-token": "hf_" + "QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUi",
    "google-key": "AIza" + "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY",
    "aws-key": "AKIA" + "Z7VRSQ5TJN2XMPLQ",
    "azure-key": "AccountKey=" + "9f/8+GkQ2mN4bV6cX8zL0kJ2hG4fD6sA==",
    "github-token": "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
    "gitlab-token": "glpat-" + "Vh3_xq9ZpLm4Rt7WkY2s",
    "slack-token": "xoxb-" + "263594206564-2343594206574-FGqddMF8t08v8N7Oq4i57vs1",
    "webhook": "https://hooks.slack.com/services/" + "T01234567/B01234567/XXyyZZ11aaBBccDD22eeFF33",
    "stripe-key": "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "npm-token": "npm_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5",
    "pypi-token": "pypi-AgEIcHlwaS5vcmc" + "CJDEyMzQ1Njc4LTEyMzQtMTIzNC0xMjM0",
    "sendgrid-key": "SG." + "ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc-1s5cr",
    "twilio-key": "SK" + "0123456789abcdef0123456789abcdef",
    "telegram-token": "110201543:A" + "AHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    "vault-token": "hvs." + "CAESIJ1n8Zk3v9QmR2tY6uI8oP1aS3dF",
    "service-token": "lin_api_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5cD7e",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "private-key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAx4UbaD/5m+2Z\nQ0aW==\n-----END RSA PRIVATE KEY-----",
}
"""A fictitious secret of each kind that is recognised by its form."""


IN_PART = {"azure-key": "AccountKey=", "webhook": "https://hooks.slack.com/services/"}
"""Parts of these secrets that are not secret and stay."""


NAMED = {
    "password": "corr3ct-h0rse",
    "api-key": "0f9e8d7c6b5a49382716",
    "secret": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYzzqqkk",
    "token": "8d7f-aa91-qq27-zx05-plmk",
}
"""A fictitious secret of each kind that is recognised by the preceding word."""


UUID = "123e4567-e89b-42d3-a456-426614174000"


def nested(text: str, depth: int) -> str:
    """The text in JSON strings nested `depth` levels deep."""
    for _ in range(depth):
        text = json.dumps({"inner": text})
    return text
