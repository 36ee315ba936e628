#include "blockpage/language.h"

#include <cstdlib>
#include <ctime>

#include <catch2/catch.hpp>

#include "blockpage/assets.h"

namespace cenote::language_test {
using nlohmann::json;

namespace {

json english() {
  return json::parse(find_asset(embedded_assets(), "en.json"));
}

Language embedded(const std::string& tag) {
  auto loaded = Language::load(tag, find_asset(embedded_assets(), tag + ".json"), english());
  REQUIRE(loaded);
  return *loaded;
}

WallTime time_of(std::string_view text) {
  WallTime time;
  REQUIRE(parse_wall_time(text, time));
  return time;
}

// The zone of the process, put back at the end.
class Zone {
 public:
  explicit Zone(const char* zone) {
    if (const char* before = std::getenv("TZ")) {
      before_ = before;
    }
    set(zone);
  }
  ~Zone() { set(before_.empty() ? nullptr : before_.c_str()); }

 private:
  static void set(const char* zone) {
    zone != nullptr ? setenv("TZ", zone, 1) : unsetenv("TZ");
    tzset();
  }
  std::string before_;
};

}  // namespace

TEST_CASE("every embedded language is complete", "[blockpage][language]") {
  size_t languages = 0;
  for (const Asset& asset : embedded_assets()) {
    if (asset.name.ends_with(".json")) {
      const std::string tag(asset.name.substr(0, asset.name.size() - 5));
      const auto loaded = Language::load(tag, asset.text, english());
      INFO((loaded ? "" : loaded.error().message));
      CHECK(loaded);
      ++languages;
    }
  }
  CHECK(languages >= 2);
}

TEST_CASE("a language that lacks a text says which", "[blockpage][language]") {
  json texts = english();
  SECTION("a plain text") {
    texts.erase("calm");
    CHECK(Language::load("xx", texts.dump(), english()).error().message ==
          "language xx: \"calm\" is missing or of another shape");
  }
  SECTION("a text of a category") {
    texts["categories"]["c2"].erase("lead");
    CHECK(Language::load("xx", texts.dump(), english()).error().message ==
          "language xx: \"categories.c2.lead\" is missing or of another shape");
  }
  SECTION("a step without its second half") {
    texts["categories"]["c2"]["steps"][1].erase("text");
    CHECK(Language::load("xx", texts.dump(), english()).error().message ==
          "language xx: \"categories.c2.steps[1].text\" is missing or of another shape");
  }
  SECTION("a year of eleven months") {
    texts["months"].erase(11);
    CHECK_FALSE(Language::load("xx", texts.dump(), english()));
  }
  SECTION("a number where a text is due") {
    texts["calm"] = 1;
    CHECK_FALSE(Language::load("xx", texts.dump(), english()));
  }
  SECTION("no steps at all") {
    texts["categories"]["c2"]["steps"] = json::array();
    CHECK_FALSE(Language::load("xx", texts.dump(), english()));
  }
  SECTION("no JSON") {
    CHECK(Language::load("xx", "{", english()).error().message == "language xx: not JSON");
  }
}

TEST_CASE("a language may have more steps than English", "[blockpage][language]") {
  json texts = english();
  texts["categories"]["c2"]["steps"].push_back({{"head", "And"}, {"text", "more."}});
  CHECK(Language::load("xx", texts.dump(), english()));
}

TEST_CASE("a time is written as the language writes it, with its zone", "[blockpage][language]") {
  const WallTime time = time_of("2026-11-22T15:05:30Z");
  {
    const Zone tokyo("Asia/Tokyo");
    CHECK(embedded("ja").local_time(time) == "2026年11月23日(月)00:05 JST (UTC+9)");
    CHECK(embedded("en").local_time(time) == "Monday, 23 November 2026, 00:05 JST (UTC+9)");
  }
  {
    const Zone kolkata("<+0530>-5:30");
    CHECK(embedded("en").local_time(time) == "Sunday, 22 November 2026, 20:35 UTC+5:30");
  }
  {
    const Zone utc("UTC");
    CHECK(embedded("en").local_time(time) == "Sunday, 22 November 2026, 15:05 UTC");
  }
}

TEST_CASE("an incident number can be spelled on the telephone", "[blockpage][language]") {
  CHECK(embedded("en").spelled("7K4QW-9XM2D") == "7, Kilo, 4, Quebec, Whiskey\n9, X-ray, Mike, 2, Delta");
  CHECK(embedded("ja").spelled("7K-4") == "7、キングのK\n4");
}

TEST_CASE("every letter that an incident number can have has a word", "[blockpage][language]") {
  for (const char* tag : {"en", "ja"}) {
    for (const char letter : std::string_view("ABCDEFGHJKMNPQRSTVWXYZ")) {  // Crockford's base 32
      CHECK(embedded(tag).spelled(std::string(1, letter)).size() > 1);
    }
  }
}

}  // namespace cenote::language_test
