{# Schemas are named exactly as configured: landing, staging, facts, marts, … #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
