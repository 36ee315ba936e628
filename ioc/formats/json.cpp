// JSON lists that follow no standard: {"deny": [...], "allow": [...]}, arrays of names, and arrays or maps of
// objects with one indicator each (abuse.ch).
#include <algorithm>
#include <array>

#include "ioc/formats/formats.h"
#include "ioc/formats/json_document.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

constexpr std::array<std::string_view, 3> kDeny{"deny", "block", "blacklist"};
constexpr std::array<std::string_view, 2> kAllow{"allow", "whitelist"};
constexpr std::array<std::string_view, 5> kLists{"list", "domains", "hosts", "urls", "ips"};
// The nearer to the front, the surer that it is the indicator.
constexpr std::array<std::string_view, 12> kIndicatorKeys{"ioc_value", "ioc",        "indicator", "value",
                                                          "url",       "domain",     "hostname",  "host",
                                                          "fqdn",      "ip_address", "dst_ip",    "ip"};

std::optional<WallTime> abuse_time(JsonObject object, std::string_view key) {
  std::string text(text_of(object, key));
  if (text.size() == 19 && text[10] == ' ') {  // "2026-01-31 12:00:00", in UTC
    text[10] = 'T';
    text += 'Z';
  }
  WallTime time;
  return parse_wall_time(text, time) ? std::optional(time) : std::nullopt;
}

class JsonList : public JsonFormat {
 public:
  using JsonFormat::JsonFormat;

 protected:
  Result<void> read(JsonValue root) override {
    if (const auto array = as_array(root)) {
      read_list(*array, list_entry(Scope::kExact, false));
      return {};
    }
    const auto object = as_object(root);
    if (!object) {
      return fail("json: neither an array nor an object");
    }
    for (const auto member : *object) {
      read_member(member.key, member.value);
    }
    return {};
  }

 private:
  [[nodiscard]] Indicator list_entry(Scope scope, bool allow) const {
    Indicator indicator;
    indicator.scope = intake_.scope_or(scope);
    indicator.allow = allow;
    return indicator;
  }

  void read_member(std::string_view key, JsonValue value) {
    const auto array = as_array(value);
    if (!array) {
      return;  // the title, the version, the count
    }
    if (is_one_of(key, kDeny) || is_one_of(key, kAllow)) {
      read_list(*array, list_entry(Scope::kSuffix, is_one_of(key, kAllow)));
    } else if (is_one_of(key, kLists) || (array->size() > 0 && as_object(array->at(0)).has_value())) {
      read_list(*array, list_entry(Scope::kExact, false));
    } else {
      ++intake_.line;
      intake_.reject(key, Reason::kUnsupportedRule);  // a list whose meaning nobody here knows
    }
  }

  void read_list(JsonArray array, const Indicator& like) {
    for (const JsonValue value : array) {
      ++intake_.line;
      std::string_view text;
      Indicator indicator = like;
      if (value.get(text) == simdjson::SUCCESS) {
        intake_.field(text, kForms, indicator);
      } else if (const auto object = as_object(value)) {
        read_object(*object, indicator);
      } else {
        intake_.reject({}, Reason::kNotNetwork);
      }
    }
  }

  void read_object(JsonObject object, Indicator& indicator) {
    const std::string_view type = text_of(object, "ioc_type");
    const auto key = std::find_if(kIndicatorKeys.begin(), kIndicatorKeys.end(),
                                  [&](std::string_view k) { return !text_of(object, k).empty(); });
    const std::string_view text = key == kIndicatorKeys.end() ? std::string_view() : text_of(object, *key);
    if (text.empty() || type.find("hash") != std::string_view::npos) {
      intake_.reject(text, Reason::kNotNetwork);
      return;
    }
    for (const std::string_view name : {"malware_printable", "malware", "threat"}) {
      indicator.threat = indicator.threat.empty() ? text_of(object, name) : indicator.threat;
    }
    indicator.reference = text_of(object, "reference");
    indicator.source_ref = text_of(object, "id");
    indicator.first_seen = abuse_time(object, "first_seen_utc");
    if (const auto confidence = number_of(object, "confidence_level");
        confidence && *confidence >= 0 && *confidence <= 100) {
      indicator.confidence = static_cast<int>(*confidence);
    }
    intake_.field(text, kForms, indicator);
  }

  static constexpr Forms kForms{.address = true, .url = true, .bare_url = true, .stars = true};
};

}  // namespace

std::unique_ptr<Stage> make_json(Intake& intake) {
  return std::make_unique<JsonList>(intake);
}

}  // namespace cenote
