{% test not_before(model, column_name, first) %}
select {{ column_name }}, {{ first }}
from {{ model }}
where {{ column_name }} < {{ first }}
{% endtest %}
