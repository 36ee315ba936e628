#include "resolver/query/block_reason.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "resolver/base/text.h"

namespace cenote::block_reason_test {
namespace {

using Json = nlohmann::json;

const IncidentId kIncident = IncidentId::from_text("7K4QW-9XM2D").value();

PolicySettings settings() {
  PolicySettings made;
  made.contact_mail = "csirt@example.org";
  made.contact_phone = "+81 (3) 1234-5678";
  made.organisation = "Example \"K.K.\" \\ 例";
  return made;
}

Verdict verdict(std::string_view category) {
  Verdict made;
  made.category = category;
  return made;
}

std::string for_programs(const PolicySettings& from, std::string_view category, size_t room = 1000) {
  BlockReason::Buffer buffer;
  return std::string(BlockReason(from, "").for_programs(buffer, room, verdict(category), kIncident));
}

}  // namespace

TEST_CASE("programs get the reason as one JSON object without blanks", "[query][block_reason]") {
  const std::string text = for_programs(settings(), "c2");
  CHECK(
      text ==
      R"({"c":["mailto:csirt@example.org","tel:+81312345678"],"s":1,"j":"c2 blocked, incident 7K4QW-9XM2D",)"
      R"("o":"Example \"K.K.\" \\ \u4f8b","l":"en"})");
  CHECK(Json::parse(text)["o"] == settings().organisation);
}

TEST_CASE("each category has its sub-error code", "[query][block_reason]") {
  const auto [category, code] = GENERATE(table<std::string, int>({{"malware", 1},
                                                                  {"c2", 1},
                                                                  {"phishing", 2},
                                                                  {"spam", 3},
                                                                  {"spyware", 4},
                                                                  {"suspicious", 6},
                                                                  {"own", 6}}));
  CHECK(Json::parse(for_programs(settings(), category))["s"] == code);
}

TEST_CASE("a category that is no word does not break the JSON", "[query][block_reason]") {
  CHECK(Json::parse(for_programs(settings(), "a\"b\\"))["j"] == "name blocked, incident 7K4QW-9XM2D");
}

TEST_CASE("a contact that no program could use is left out", "[query][block_reason]") {
  PolicySettings made;
  CHECK(Json::parse(for_programs(made, "c2")).contains("c") == false);
  CHECK(Json::parse(for_programs(made, "c2")).contains("o") == false);
  made.contact_phone = GENERATE(as<std::string>(), "03-1234-5678", "ext. 4711", "+", "+81 12 x", "1+2");
  CAPTURE(made.contact_phone);
  CHECK_FALSE(Json::parse(for_programs(made, "c2")).contains("c"));
  made.contact_mail = "a b?cc=\"z\"@example.org";
  CHECK(Json::parse(for_programs(made, "c2"))["c"] == Json{"mailto:a%20b%3Fcc%3D%22z%22@example.org"});
}

TEST_CASE("JSON is whole or absent, whatever room there is", "[query][block_reason]") {
  const size_t whole = for_programs(settings(), "phishing").size();
  bool was_brief = false;
  for (size_t room = 0; room <= whole; ++room) {
    CAPTURE(room);
    const std::string text = for_programs(settings(), "phishing", room);
    CHECK(text.size() <= room);
    if (!text.empty()) {
      const Json json = Json::parse(text);
      CHECK(json["s"] == 2);
      CHECK(json.contains("c"));
      CHECK(json.contains("j") == (room == whole));
      CHECK(json.contains("l") == json.contains("j"));
      was_brief |= !json.contains("j");
    }
  }
  CHECK(was_brief);
}

TEST_CASE("people get one line of at most 120 bytes, cut between characters", "[query][block_reason]") {
  std::string contact;
  for (int i = 0; i < 60; ++i) {
    contact += "例";
  }
  BlockReason::Buffer buffer;
  const BlockReason reason(settings(), contact);
  for (size_t room = 0; room < 140; ++room) {
    const std::string_view line = reason.for_people(buffer, room, verdict("c2"), kIncident);
    CHECK(line.size() <= std::min<size_t>(room, 120));
    CHECK(is_valid_utf8(line));
  }
  CHECK(BlockReason({}, "csirt@example.org").for_people(buffer, 200, verdict("c2"), kIncident) ==
        "c2 blocked, incident 7K4QW-9XM2D, csirt@example.org");
}

}  // namespace cenote::block_reason_test
