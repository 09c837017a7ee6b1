{# Fen become yuan once, in staging. `* 0.01` stays decimal; `/ 100` would be a double. #}
{% macro fen_to_cny(column) -%}
    cast({{ column }} * 0.01 as decimal(18, 2))
{%- endmacro %}

{# A ratio of two sums: null, never 0 and never an error, where the denominator is 0. #}
{% macro ratio(numerator, denominator) -%}
    cast({{ numerator }} as double) / nullif(cast({{ denominator }} as double), 0)
{%- endmacro %}

{# Yuan as decimal: exact to a li (1/1000), which some platforms charge in. #}
{% macro to_cny(column) -%}
    cast({{ column }} as decimal(18, 4))
{%- endmacro %}
