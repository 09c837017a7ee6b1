{#
    What every row of a model must keep, in one scan; a failure is one row per broken rule, with the
    rows that break it. A test of its own for each rule would read the model again for each.

    key           these columns together name one row
    complete      never null
    not_negative  0 or more, or null
    shares        between 0 and 1, or null
    values        {column: [allowed values]}, or null
#}
{% test sound_rows(model, key=[], complete=[], not_negative=[], shares=[], values={}) %}
    {% set broken = breaking_conditions(complete, not_negative, shares, values) %}
with counted as (
    select
        {% for condition in broken.values() %}
            count(*) filter (where {{ condition }}) as broken_{{ loop.index }},
        {% endfor %}
        count(*) as copies
    from {{ model }}
{% if key %} group by {{ key | join(", ") }} {% endif %}
),

judged as (
    select
        unnest([
            {% for rule in broken %}
                {'rule': '{{ rule }}', 'broken_rows': sum(broken_{{ loop.index }})},
            {% endfor %}
            {
                'rule': 'key: {{ key | join(", ") }}',
                'broken_rows': sum(copies) filter (where {{ "copies > 1" if key else "false" }})
            }
        ], recursive := true)
    from counted
)

select
    rule,
    broken_rows
from judged
where broken_rows > 0
{% endtest %}
