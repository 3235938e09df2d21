"""A schema whose rules contradict one another, or never apply, is refused with the line."""

from __future__ import annotations

import pytest

from schema import columns


def _refusal(content: str) -> str:
    with pytest.raises(ValueError) as refused:
        columns.parse(content)
    return str(refused.value)


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ("", "expected type INT, FLOAT or BYTES, got none"),
        ("type: STRUCT", "expected type INT, FLOAT or BYTES, got STRUCT"),
        ("type: BYTES int_domain { min: 0 }", "int_domain does not fit the type BYTES"),
        ("type: FLOAT int_domain { min: 0 }", "for a range of a FLOAT, write float_domain"),
        ("type: INT float_domain { min: 0 }", "for a range of an INT, write int_domain"),
        ("type: BYTES float_domain { min: 0 }", "float_domain does not fit the type BYTES"),
        ('type: INT string_domain { value: "a" }', "string_domain does not fit the type INT"),
        ('type: FLOAT domain: "shared"', "domain does not fit the type FLOAT"),
        ("type: FLOAT bool_domain { }", "bool_domain does not fit the type FLOAT"),
        ("type: INT url_domain { }", "url_domain does not fit the type INT; remove it"),
        ('type: BYTES domain: "shard"', "no string_domain shard; did you mean shared?"),
        ('type: BYTES domain: "x"', "no string_domain x; add it, or list the values here"),
        ("type: BYTES string_domain { }", "string_domain has no values"),
        ("type: INT int_domain { min: 3 max: 1 }", "min 3 is greater than max 1"),
        ("type: FLOAT float_domain { min: 0.5 max: 0.25 }", "min 0.5 is greater than max 0.25"),
        ("type: FLOAT float_domain { min: nan }", "expected numbers as min and max, got nan"),
        ("type: INT presence { min_fraction: 95 }", "min_fraction between 0 and 1, got 95"),
        ("type: INT presence { min_fraction: -0.1 }", "min_fraction between 0 and 1, got -0.1"),
        ("type: INT presence { min_count: -1 }", "min_count of at least 0, got -1"),
        ("type: INT value_count { min: 2 }", "write value_count { min: 1 max: 1 }"),
        ("type: INT shape { dim { size: 3 } }", "write shape { dim { size: 1 } }"),
        ('type: INT not_in_environment: "SERVNG"', "SERVNG; did you mean SERVING?"),
        ('type: INT in_environment: "lab"', "no environment lab; add it as default_environment"),
    ],
)
def test_a_rule_that_cannot_apply_is_refused(feature: str, message: str) -> None:
    refusal = _refusal(
        '# Rules.\n\nstring_domain {\n  name: "shared" value: "a"\n}\n'
        f'feature {{\n  name: "x" {feature}\n}}\n'
    )
    assert refusal.startswith("line 6: feature x: ")
    assert message in refusal


@pytest.mark.parametrize("field", ["drift_comparator", "skew_comparator"])
@pytest.mark.parametrize(
    ("kind", "distance", "message"),
    [
        ("FLOAT", "infinity_norm { threshold: 0.01 }", "infinity_norm is 0 for numbers"),
        ("INT", "infinity_norm { threshold: 0.01 }", "infinity_norm is 0 for numbers"),
        (
            "INT int_domain { is_categorical: true }",
            "infinity_norm { threshold: 0.01 }",
            "write jensen_shannon_divergence { threshold: 0.3 } instead",
        ),
        ("INT", "normalized_abs_difference { threshold: 0.1 }", "normalized_abs_difference is 0"),
        (
            "FLOAT",
            "jensen_shannon_divergence { threshold: 0.1 } infinity_norm { threshold: 0.1 }",
            "infinity_norm is 0 for numbers",
        ),
        ("BYTES", "infinity_norm { }", "infinity_norm has no threshold"),
        ("BYTES", "infinity_norm { threshold: 0 }", "above 0 and below 1, got 0"),
        ("BYTES", "infinity_norm { threshold: -0.1 }", "above 0 and below 1, got -0.1"),
        ("FLOAT", "jensen_shannon_divergence { threshold: 1 }", "above 0 and below 1, got 1"),
        ("INT", "jensen_shannon_divergence { threshold: nan }", "above 0 and below 1, got nan"),
        ("BYTES", "jensen_shannon_divergence { threshold: 30 }", "above 0 and below 1, got 30"),
    ],
)
def test_a_comparator_that_never_reports_a_difference_is_refused(
    field: str, kind: str, distance: str, message: str
) -> None:
    refusal = _refusal(f'feature {{ name: "km" type: {kind} {field} {{ {distance} }} }}')
    assert f"line 1: feature km: {field}: " in refusal
    assert message in refusal


@pytest.mark.parametrize(
    "feature",
    [
        "type: BYTES drift_comparator { infinity_norm { threshold: 0.1 } }",
        "type: BYTES skew_comparator { jensen_shannon_divergence { threshold: 0.1 } }",
        "type: BYTES drift_comparator { normalized_abs_difference { threshold: 0.1 } }",
        "type: INT drift_comparator { jensen_shannon_divergence { threshold: 0.99 } }",
        "type: FLOAT drift_comparator { }",
        "type: INT bool_domain { }",
        "type: BYTES natural_language_domain { }",
        "type: INT int_domain { min: 3 max: 3 }",
        "type: FLOAT float_domain { max: inf }",
        'type: BYTES not_in_environment: "SERVING" in_environment: "lab"',
        "type: INT value_count { max: 1 }",
    ],
)
def test_a_rule_that_applies_is_accepted(feature: str) -> None:
    schema = columns.parse(f'default_environment: "lab" feature {{ name: "x" {feature} }}')
    assert schema.feature[0].name == "x"


def test_a_name_that_is_stated_twice_is_refused_at_its_second_line() -> None:
    twice = 'feature { name: "Zürich" type: INT }\n'
    assert _refusal(f"{twice}# a comment {{\n\n{twice}") == (
        "line 4: feature Zürich is stated twice; merge the two, or remove one"
    )
    domain = 'string_domain {\n  name: "d"\n  value: "}"\n}\n'
    assert _refusal(domain * 2).startswith("line 5: string_domain d is stated twice")
    assert _refusal("feature { type: INT }") == "line 1: a feature has no name; add one"
    assert "string_domain d has no values" in _refusal('string_domain { name: "d" }')


def test_every_problem_is_listed() -> None:
    refusal = _refusal(
        'feature { name: "a" type: BYTES int_domain { min: 3 max: 1 } }\nfeature { name: "b" }'
    )
    assert [part[:7] for part in refusal.split("; line ")] == ["line 1:", "1: feat", "2: feat"]


def test_a_list_of_features_has_no_lines() -> None:
    """The list syntax is rare, so its lines are not computed; the message names the feature."""
    assert _refusal('feature [{ name: "a" }, { name: "b" type: INT }]') == (
        "feature a: expected type INT, FLOAT or BYTES, got none"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('\nfeature { nam: "a" }', "line 2, column 11: "),
        ('feature { nam: "a" }', 'no field named "nam". Did you mean name?'),
        ('feature { name: "a" type: BITES }', "no value named BITES"),
        ('feature { name: "a" type: INT type: INT }', 'not have multiple "type" fields'),
        ('feature { name: "a" int_domain { min: 1.5 } }', "Couldn't parse integer: 1.5"),
        ('feature {\n  name: "a"\n', "line 2, column 9: "),
    ],
)
def test_a_malformed_text_is_refused_with_line_and_column(content: str, message: str) -> None:
    refusal = _refusal(content)
    assert message in refusal
    assert "tensorflow" not in refusal
