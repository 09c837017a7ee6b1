{# The rows that count of a report: a day is restated for days, so its newest pull replaces it whole,
   and an ad that the platform has withdrawn disappears here too. #}
{% macro newest_pull_of(source_name, table_name) -%}
    select *
    from {{ source(source_name, table_name) }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
{%- endmacro %}
