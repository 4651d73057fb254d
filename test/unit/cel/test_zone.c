/* Time zones: against the C library's reading of the same files, and against files that lie. */
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cel/cel_zone_rule.h"

enum { FILE_MAX = 16 << 10 };

static const char *const names[] = {
	"Europe/Paris",     "America/New_York",    "America/St_Johns", "Asia/Kathmandu",
	"Australia/Sydney", "Europe/Dublin",       "Africa/Cairo",     "Asia/Gaza",
	"America/Santiago", "Pacific/Apia",        "US/Central",       "Asia/Tokyo",
	"America/Nuuk",     "Australia/Lord_Howe",
};
enum { NAMES = sizeof names / sizeof *names };

static struct cel_zones *zones;

static struct slice file_of(const char *name, uint8_t *room) {
	char path[128];
	snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
	FILE *f = fopen(path, "rb");
	if (!f) fail_msg("%s is missing: install the package tzdata", path);
	size_t len = fread(room, 1, FILE_MAX, f);
	fclose(f);
	return slice_of(room, len);
}

static int set_up(void **state) {
	static uint8_t room[FILE_MAX];
	zones = cel_zones_new();
	for (int i = 0; i < NAMES; i++)
		if (cel_zones_add(zones, slice_str(names[i]), file_of(names[i], room))) return 1;
	row_zones = zones;
	return 0;
}

static int tear_down(void **state) {
	cel_zones_free(zones);
	cel_zones_free(NULL);
	return 0;
}

/* From 1850 to 2250, every five days and a bit: before the first change, between, and by rule. */
static void offsets_are_those_of_the_c_library(void **state) {
	for (int i = 0; i < NAMES; i++) {
		setenv("TZ", names[i], 1);
		tzset();
		for (int64_t at = -3786825600; at < 8835955200; at += 5 * 86400 + 4567) {
			struct tm tm;
			time_t t = (time_t)at;
			int32_t offset;
			assert_non_null(localtime_r(&t, &tm));
			assert_true(cel_zones_offset(zones, slice_str(names[i]), at, &offset));
			if (offset != tm.tm_gmtoff)
				fail_msg("%s at %ld: %d, expected %ld", names[i], (long)at, offset,
				         tm.tm_gmtoff);
		}
	}
}

/* Paris, 2030: the hour that is skipped and the one that comes twice, to the second. */
static void rules_change_on_the_second(void **state) {
	static const struct {
		int64_t at;
		int32_t offset;
	} moments[] = {
		{1901149199, 3600}, {1901149200, 7200}, {1919293199, 7200}, {1919293200, 3600}};
	for (int i = 0; i < 4; i++) {
		int32_t offset;
		assert_true(
			cel_zones_offset(zones, SLICE_LIT("Europe/Paris"), moments[i].at, &offset));
		assert_int_equal(offset, moments[i].offset);
	}
}

#define UNKNOWN "error: invalid argument"

static void accessors_take_names_and_offsets(void **state) {
	struct cel_value t = TIME(1234567890, 123456789); /* 2009-02-13T23:31:30Z */
	CHECK({"timestamp_to_year", {t}, "2009"}, {"timestamp_to_month", {t}, "1"},
	      {"timestamp_to_day_of_month", {t}, "12"},
	      {"timestamp_to_day_of_month_1_based", {t}, "13"},
	      {"timestamp_to_day_of_week", {t}, "5"}, {"timestamp_to_day_of_year", {t}, "43"},
	      {"timestamp_to_hours", {t}, "23"}, {"timestamp_to_minutes", {t}, "31"},
	      {"timestamp_to_seconds", {t}, "30"}, {"timestamp_to_milliseconds", {t}, "123"},
	      {"timestamp_to_day_of_month_1_based_with_tz", {t, S("Australia/Sydney")}, "14"},
	      {"timestamp_to_day_of_month_with_tz", {t, S("US/Central")}, "12"},
	      {"timestamp_to_day_of_month_with_tz", {t, S("+11:00")}, "13"},
	      {"timestamp_to_year_with_tz", {t, S("-09:30")}, "2009"},
	      {"timestamp_to_hours_with_tz", {t, S("02:00")}, "1"},
	      {"timestamp_to_minutes_with_tz", {t, S("Asia/Kathmandu")}, "16"},
	      {"timestamp_to_month_with_tz", {t, S("UTC")}, "1"},
	      {"timestamp_to_seconds_tz", {t, S("-00:00")}, "30"},
	      {"timestamp_to_hours_with_tz", {t, S("")}, "23"},
	      {"timestamp_to_hours_with_tz", {t, S("Europe/Atlantis")}, UNKNOWN},
	      {"timestamp_to_hours_with_tz", {t, S("+24:00")}, UNKNOWN},
	      {"timestamp_to_hours_with_tz", {t, S("+2:00")}, UNKNOWN},
	      {"timestamp_to_hours_with_tz", {t, S("+02:60")}, UNKNOWN},
	      {"timestamp_to_hours_with_tz", {t, S("02:00x")}, UNKNOWN},
	      {"duration_to_hours", {DUR(10000000000000)}, "2"},
	      {"duration_to_minutes", {DUR(3730000000000)}, "62"},
	      {"duration_to_seconds", {DUR(-3730500000000)}, "-3730"},
	      {"duration_to_milliseconds", {DUR(123321456789)}, "321"});
}

static void zones_are_kept_by_name(void **state) {
	static uint8_t room[FILE_MAX];
	struct slice paris = file_of("Europe/Paris", room);
	assert_int_equal(cel_zones_add(zones, SLICE_LIT("Europe/Paris"), paris), ERR_EXISTS);
	assert_int_equal(cel_zones_add(zones, SLICE_LIT(""), paris), ERR_INVALID);
	char name[CEL_ZONE_NAME_MAX + 1];
	memset(name, 'a', sizeof name);
	assert_int_equal(cel_zones_add(zones, slice_of(name, sizeof name), paris), ERR_INVALID);
	assert_int_equal(cel_zones_add(zones, slice_of(name, CEL_ZONE_NAME_MAX), paris), ERR_OK);
}

/* --- hostile files ------------------------------------------------------------------------------- */

static enum err add_alone(const uint8_t *bytes, size_t len) {
	uint8_t *exact = malloc(len + 1); /* so that a sanitizer sees a read past the end */
	memcpy(exact, bytes, len);
	struct cel_zones *z = cel_zones_new();
	enum err e = cel_zones_add(z, SLICE_LIT("x"), slice_of(exact, len));
	int32_t offset;
	for (int64_t at = INT64_C(-62135596800); at < INT64_C(253402300799);
	     at += 1000000000000 / 7)
		IGNORE(cel_zones_offset(z, SLICE_LIT("x"), at, &offset));
	cel_zones_free(z);
	free(exact);
	return e;
}

static void every_cut_file_is_refused(void **state) {
	static uint8_t room[FILE_MAX];
	struct slice s = file_of("Europe/Paris", room);
	for (size_t len = 0; len < s.len; len++)
		assert_int_equal(add_alone(s.ptr, len), ERR_INVALID);
	assert_int_equal(add_alone(s.ptr, s.len), ERR_OK);
	room[s.len] = 'x';
	assert_int_equal(add_alone(s.ptr, s.len + 1), ERR_INVALID);
}

static void no_changed_byte_does_harm(void **state) {
	static uint8_t room[FILE_MAX];
	struct slice s = file_of("Europe/Paris", room);
	static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
	for (size_t at = 0; at < s.len; at++) {
		uint8_t was = room[at];
		for (size_t v = 0; v < sizeof values; v++) {
			room[at] = values[v];
			enum err e = add_alone(s.ptr, s.len);
			assert_true(e == ERR_OK || e == ERR_INVALID);
		}
		room[at] = was;
	}
}

static void rules_are_read_strictly(void **state) {
	static const char *const good[] = {"UTC0",
	                                   "<+0545>-5:45",
	                                   "CET-1CEST,M3.5.0,M10.5.0/3",
	                                   "XXX3EDT4,0/0,J365/23",
	                                   "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
	                                   "EET-2EEST,M3.4.4/50,M10.4.4/50"};
	static const char *const bad[] = {"",
	                                  "U0",
	                                  "UTC",
	                                  "UTC168",
	                                  "UTC0X",
	                                  "<UTC0",
	                                  "CET-1CEST",
	                                  "CET-1CEST,M3.5.0",
	                                  "CET-1CEST,M0.5.0,M10.5.0",
	                                  "CET-1CEST,M3.6.0,M10.5.0",
	                                  "CET-1CEST,M3.5.7,M10.5.0",
	                                  "CET-1CEST,J0,J1",
	                                  "CET-1CEST,366,1",
	                                  "CET-1CEST,M3.5.0,M10.5.0/168",
	                                  "CET-1CEST,M3.5.0,M10.5.0 ",
	                                  "CET-1:60",
	                                  "ABCDEFGHIJK0",
	                                  "CET-1CEST,M3.5.0/,M10.5.0"};
	struct cel_zone_rule rule;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!cel_zone_rule_parse(slice_str(good[i]), &rule)) fail_msg("%s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (cel_zone_rule_parse(slice_str(bad[i]), &rule)) fail_msg("%s", bad[i]);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offsets_are_those_of_the_c_library),
		cmocka_unit_test(rules_change_on_the_second),
		cmocka_unit_test(accessors_take_names_and_offsets),
		cmocka_unit_test(zones_are_kept_by_name),
		cmocka_unit_test(every_cut_file_is_refused),
		cmocka_unit_test(no_changed_byte_does_harm),
		cmocka_unit_test(rules_are_read_strictly),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
