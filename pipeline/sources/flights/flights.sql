-- One row for every flight that arrived, with the columns that are available one hour before the
-- scheduled departure. Cancelled and diverted flights have no arr_delay, so they are not included.
CREATE TABLE flight_rows AS
WITH departures AS (
    SELECT
        *,
        (epoch(time_hour::TIMESTAMPTZ) + minute * 60)::BIGINT AS scheduled_departure,
        -- How busy the airport will be, computed from the timetable alone.
        count(*) OVER (PARTITION BY origin, time_hour) AS departures_in_hour
    FROM flights
),
observations AS (
    SELECT epoch(time_hour::TIMESTAMPTZ)::BIGINT AS weather_time, *
    FROM weather
    -- Clocks go back once a year, and one station then reports the same hour twice.
    QUALIFY row_number() OVER (PARTITION BY origin, weather_time ORDER BY hour) = 1
)
SELECT
    d.year * 100 + d.month AS span,
    d.carrier,
    d.origin,
    d.dest,
    d.distance::BIGINT AS distance,
    (d.hour * 60 + d.minute)::BIGINT AS sched_dep_minute,
    (d.sched_arr_time // 100 * 60 + d.sched_arr_time % 100)::BIGINT AS sched_arr_minute,
    d.hour::BIGINT AS hour,
    (isodow(make_date(d.year, d.month, d.day)) - 1)::BIGINT AS day_of_week,
    CASE WHEN d.hour < 10 THEN 'morning' WHEN d.hour < 16 THEN 'midday' ELSE 'evening' END
        AS hour_band,
    d.departures_in_hour::BIGINT AS departures_in_hour,
    (d.year - p.year)::DOUBLE AS plane_age,
    p.seats::DOUBLE AS seats,
    w.temp::DOUBLE AS temp,
    w.dewp::DOUBLE AS dewp,
    w.humid::DOUBLE AS humid,
    w.wind_dir::DOUBLE AS wind_dir,
    w.wind_speed::DOUBLE AS wind_speed,
    w.wind_gust::DOUBLE AS wind_gust,
    w.precip::DOUBLE AS precip,
    w.pressure::DOUBLE AS pressure,
    w.visib::DOUBLE AS visib,
    d.scheduled_departure,
    w.weather_time,
    (d.arr_delay > 15)::BIGINT AS late,
    'flights.csv' AS _source_file,
    d.source_row AS _source_row
FROM departures AS d
-- The observation of the same hour can be later than the prediction, so an older one is used. An
-- observation that is more than six hours older is not informative.
ASOF LEFT JOIN observations AS latest
    ON d.origin = latest.origin AND latest.weather_time <= d.scheduled_departure - 3600
LEFT JOIN observations AS w
    ON latest.origin = w.origin
    AND latest.weather_time = w.weather_time
    AND w.weather_time >= d.scheduled_departure - 7 * 3600
LEFT JOIN planes AS p ON d.tailnum = p.tailnum
WHERE d.arr_delay IS NOT NULL
ORDER BY d.scheduled_departure, d.carrier, d.flight, d.origin;
