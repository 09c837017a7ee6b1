with fact as (
    select count(*) as total from {{ ref('fct_conversion') }}
    where conversion_type = 'add'
),

dimension as (
    select count(*) as total from {{ ref('dim_customer') }}
)

select
    fact.total,
    dimension.total as expected
from fact
cross join dimension
where fact.total is distinct from dimension.total
