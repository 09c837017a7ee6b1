{# The rules of the test sound_rows but its key, each with the condition of a row that breaks it. #}
{% macro breaking_conditions(complete, not_negative, shares, values) %}
    {%- set broken = {} -%}
    {%- for column in complete -%}
        {%- do broken.update({"complete: " ~ column: column ~ " is null"}) -%}
    {%- endfor -%}
    {%- for column in not_negative -%}
        {%- do broken.update({"not_negative: " ~ column: column ~ " < 0"}) -%}
    {%- endfor -%}
    {%- for column in shares -%}
        {%- do broken.update({"shares: " ~ column: column ~ " not between 0 and 1"}) -%}
    {%- endfor -%}
    {%- for column, allowed in values.items() -%}
        {%- set listed = "'" ~ allowed | join("', '") ~ "'" -%}
        {%- do broken.update({"values: " ~ column: column ~ " not in (" ~ listed ~ ")"}) -%}
    {%- endfor -%}
    {{ return(broken) }}
{% endmacro %}
