{#
    Incremental by affected business day. siyu.warehouse names, per clock, the days that the pulls
    since the last good build may have changed; a model deletes and rebuilds these days and reads
    only them, with literal dates, so that other partitions' files are not even opened.
#}

{# The condition that `column` lies in the clock's affected days; true in a full build. #}
{% macro is_affected(column, clock) -%}
    {%- if not is_incremental() or var('affected_dates') == 'all' -%}
        true
    {%- else -%}
        {{ in_days(column, var('affected').get(clock, [])) }}
    {%- endif -%}
{%- endmacro %}

{# As is_affected, reaching `days` further back: what a look-back needs to see. #}
{% macro is_affected_or_before(column, clock, days) -%}
    {%- set affected = var('affected').get(clock, []) -%}
    {%- if not is_incremental() or var('affected_dates') == 'all' -%}
        true
    {%- elif affected | length == 0 -%}
        false
    {%- else -%}
        {{ column }} between date '{{ affected | min }}' - ({{ days }}) and date '{{ affected | max }}'
    {%- endif -%}
{%- endmacro %}

{% macro in_days(column, values) -%}
    {%- if values | length == 0 -%}
        false
    {%- else -%}
        {{ column }} in (
        {%- for value in values -%}
            {{ "date " if value | length == 10 }}'{{ value }}'{{ ", " if not loop.last }}
        {%- endfor -%}
        )
    {%- endif -%}
{%- endmacro %}

{#
    Incremental strategy `by_day`: meta.replaces maps a column of the model to a clock; every row
    whose column lies in that clock's affected days goes, then what was rebuilt comes in. One
    transaction, so a killed build leaves the old days in place.
#}
{% macro get_incremental_by_day_sql(arguments) %}
    {%- set columns = arguments["dest_columns"] | map(attribute="quoted") | join(", ") -%}
    delete from {{ arguments["target_relation"] }}
    where
    {%- for column, clock in config.get("meta").replaces.items() %}
        {{ "or " if not loop.first }}{{ in_days(column, var("affected").get(clock, [])) }}
    {%- endfor %};

    insert into {{ arguments["target_relation"] }} ({{ columns }})
    select {{ columns }}
    from {{ arguments["temp_relation"] }}
{% endmacro %}
