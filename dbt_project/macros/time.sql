{# The moment up to which this run may know anything. #}
{% macro as_of() -%}
    cast('{{ var("as_of") }}' as timestamp with time zone)
{%- endmacro %}

{# The business day (Asia/Shanghai) a moment falls in. #}
{% macro business_date(moment) -%}
    cast(timezone('Asia/Shanghai', {{ moment }}) as date)
{%- endmacro %}

{# The business day of as_of. It is not over: days before it are. #}
{% macro as_of_date() -%}
    {{ business_date(as_of()) }}
{%- endmacro %}

{# The moment a business day ends. #}
{% macro end_of_day(day) -%}
    timezone('Asia/Shanghai', cast({{ day }} as timestamp) + interval 1 day)
{%- endmacro %}

{# First day of the day, ISO week or month that a day lies in. #}
{% macro period_start(period, day) -%}
    cast(date_trunc({{ period }}, {{ day }}) as date)
{%- endmacro %}
