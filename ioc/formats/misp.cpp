// MISP events: attributes, alone and within objects. An attribute blocks only when somebody said so (to_ids).
// What it belongs to is told by galaxy tags, its own or the event's, else by the event's title.
#include <algorithm>
#include <array>

#include "ioc/formats/formats.h"
#include "ioc/formats/json_document.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

struct AttributeType {
  std::string_view name;
  Scope scope;  // MISP's own RPZ export: a domain is meant with all below it, a hostname is not
  bool is_url;
  bool both;  // "domain|ip": both halves are indicators
};
constexpr std::array<AttributeType, 8> kTypes{{{"domain", Scope::kSuffix, false, false},
                                               {"hostname", Scope::kExact, false, false},
                                               {"domain|ip", Scope::kSuffix, false, true},
                                               {"hostname|port", Scope::kExact, false, false},
                                               {"url", Scope::kExact, true, false},
                                               {"uri", Scope::kExact, true, false},
                                               {"ip-dst", Scope::kExact, false, false},
                                               {"ip-dst|port", Scope::kExact, false, false}}};

// A galaxy's clusters that are families of malware or what is used as such; and those that are somebody.
constexpr std::array<std::string_view, 14> kFamilies{"mitre-malware",
                                                     "mitre-enterprise-attack-malware",
                                                     "mitre-mobile-attack-malware",
                                                     "mitre-tool",
                                                     "malpedia",
                                                     "tool",
                                                     "ransomware",
                                                     "rat",
                                                     "banker",
                                                     "botnet",
                                                     "stealer",
                                                     "backdoor",
                                                     "exploit-kit",
                                                     "stalkerware"};
constexpr std::array<std::string_view, 4> kActors{"threat-actor", "mitre-intrusion-set",
                                                  "mitre-enterprise-attack-intrusion-set",
                                                  "microsoft-activity-group"};

// Of `misp-galaxy:threat-actor="APT 29"`.
struct GalaxyTag {
  std::string_view type;
  std::string_view name;
};

std::optional<GalaxyTag> read_tag(std::string_view text) {
  constexpr std::string_view kPrefix = "misp-galaxy:";
  const size_t sign = text.find("=\"");
  if (!text.starts_with(kPrefix) || sign == std::string_view::npos || !text.ends_with('"') ||
      text.size() < sign + 3) {
    return std::nullopt;
  }
  GalaxyTag tag{text.substr(kPrefix.size(), sign - kPrefix.size()),
                text.substr(sign + 2, text.size() - sign - 3)};
  // MITRE's number behind a name says nothing to people: "APT32 - G0050".
  if (const size_t dash = tag.name.rfind(" - "); dash != std::string_view::npos) {
    const std::string_view number = tag.name.substr(dash + 3);
    const bool is_number = number.size() == 5 && (number[0] == 'G' || number[0] == 'S') &&
                           number.find_first_not_of("0123456789", 1) == std::string_view::npos;
    tag.name = is_number ? tag.name.substr(0, dash) : tag.name;
  }
  return tag;
}

// The families that a "Tag" list names, or if none the actors; nothing without one.
void read_tags(JsonObject holder, std::string& threat) {
  threat.clear();
  const auto tags = array_of(holder, "Tag");
  if (!tags) {
    return;
  }
  std::string actors;
  for (const JsonValue value : *tags) {
    const auto object = as_object(value);
    const auto tag = object ? read_tag(text_of(*object, "name")) : std::nullopt;
    if (!tag) {
      continue;
    }
    std::string* names = is_one_of(tag->type, kFamilies) ? &threat
                         : is_one_of(tag->type, kActors) ? &actors
                                                         : nullptr;
    if (names != nullptr) {
      *names += names->empty() ? "" : ", ";
      *names += tag->name;
    }
  }
  threat = threat.empty() ? actors : threat;
}

class Misp : public JsonFormat {
 public:
  using JsonFormat::JsonFormat;

 protected:
  Result<void> read(JsonValue root) override {
    if (const auto events = as_array(root)) {
      read_events(*events);
      return {};
    }
    const auto object = as_object(root);
    if (!object) {
      return fail("misp: neither an event nor a list of events");
    }
    if (const auto response = array_of(*object, "response")) {
      read_events(*response);
    } else if (const auto wrapped = object_of(*object, "response")) {  // attributes/restSearch
      read_event(*wrapped);
    } else {
      read_event(*object);
    }
    return {};
  }

 private:
  void read_events(JsonArray events) {
    for (const JsonValue event : events) {
      if (const auto object = as_object(event)) {
        read_event(*object);
      }
    }
  }

  void read_event(JsonObject outer) {
    const JsonObject event = object_of(outer, "Event").value_or(outer);
    title_ = text_of(event, "info");
    read_tags(event, event_threat_);
    read_attributes(event);
    if (const auto objects = array_of(event, "Object")) {
      for (const JsonValue value : *objects) {
        const auto object = as_object(value);
        if (object && !flag_of(*object, "deleted")) {
          read_attributes(*object);
        }
      }
    }
  }

  void read_attributes(JsonObject holder) {
    const auto attributes = array_of(holder, "Attribute");
    if (!attributes) {
      return;
    }
    for (const JsonValue value : *attributes) {
      ++intake_.line;
      const auto attribute = as_object(value);
      if (attribute && !flag_of(*attribute, "deleted")) {
        read_attribute(*attribute);
      }
    }
  }

  void read_attribute(JsonObject attribute) {
    const std::string_view name = text_of(attribute, "type");
    const std::string_view value = text_of(attribute, "value");
    const auto type =
        std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& t) { return t.name == name; });
    if (type == kTypes.end()) {
      intake_.reject(value, name.starts_with("ip-src") ? Reason::kIpSrc : Reason::kNotNetwork);
      return;
    }
    if (!intake_.options().all_ids && !flag_of(attribute, "to_ids")) {
      intake_.reject(value, Reason::kNotToIds);
      return;
    }
    const size_t bar =
        type->name.find('|') == std::string_view::npos ? std::string_view::npos : value.find('|');
    read_tags(attribute, own_threat_);
    take(value.substr(0, bar), *type, attribute);
    if (type->both && bar != std::string_view::npos) {
      take(value.substr(bar + 1), *type, attribute);
    }
  }

  void take(std::string_view value, const AttributeType& type, JsonObject attribute) {
    Indicator indicator;
    indicator.scope = intake_.scope_or(type.scope);
    const std::string& tagged = own_threat_.empty() ? event_threat_ : own_threat_;
    const std::string_view comment = text_of(attribute, "comment");
    indicator.threat = tagged.empty() ? title_ : tagged;
    indicator.note = comment.empty() && !tagged.empty() ? title_ : comment;
    indicator.source_ref = text_of(attribute, "uuid");
    indicator.first_seen = time_of(attribute, "first_seen");
    intake_.field(value, Forms{.address = true, .url = type.is_url, .bare_url = type.is_url}, indicator);
  }

  std::string_view title_;  // the event's
  std::string event_threat_;
  std::string own_threat_;  // the attribute's
};

}  // namespace

std::unique_ptr<Stage> make_misp(Intake& intake) {
  return std::make_unique<Misp>(intake);
}

}  // namespace cenote
