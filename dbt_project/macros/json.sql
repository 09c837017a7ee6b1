{#
    The rows of a JSON array of objects, as structs of the given fields; unnested, so use it in a
    select list of its own. Fields that are absent are null; no array gives no rows.
#}
{% macro json_rows(column, fields) -%}
    {%- set typed = [] -%}
    {%- for name, type in fields.items() -%}
        {%- do typed.append('"' ~ name ~ '":"' ~ type ~ '"') -%}
    {%- endfor -%}
    unnest(from_json({{ column }}, '[{ {{- typed | join(",") -}} }]'))
{%- endmacro %}
