-- Grain: one row per order and product line of it, in the order's newest version. Products have no
-- endpoint of their own: what was sold is told by the orders alone.
with newest_version as (
    select *
    from {{ source('wechat_store', 'order') }}
    qualify row_number() over (
        partition by event_date, order_id order by update_time desc, _pulled_at desc
    ) = 1
),

lines as (
    select
        _account as account,
        order_id,
        event_date as created_date,
        {{ json_rows('product_infos', {
            'product_id': 'varchar', 'sku_id': 'varchar', 'title': 'varchar', 'sku_cnt': 'bigint',
            'sale_price': 'bigint', 'real_price': 'bigint', 'is_free_gift': 'boolean',
            'on_aftersale_sku_cnt': 'bigint', 'finish_aftersale_sku_cnt': 'bigint'
        }) }} as line,
        _pulled_at as pulled_at
    from newest_version
)

select
    lines.account,
    lines.order_id,
    lines.created_date,
    row_number() over (
        partition by lines.created_date, lines.order_id
        order by lines.line.product_id, lines.line.sku_id, lines.line.real_price
    ) as line_number,
    lines.line.product_id,
    lines.line.sku_id,
    lines.line.title as product_title,
    lines.line.sku_cnt as items,
    {{ fen_to_cny('lines.line.sale_price') }} as unit_price_cny,
    {{ fen_to_cny('lines.line.real_price') }} as paid_amount_cny,
    coalesce(lines.line.is_free_gift, false) as is_free_gift,
    lines.line.on_aftersale_sku_cnt as items_in_aftersale,
    lines.line.finish_aftersale_sku_cnt as items_after_aftersale,
    lines.pulled_at
from lines
