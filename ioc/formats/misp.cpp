// MISP events: attributes, alone and within objects. An attribute blocks only when somebody said so (to_ids).
#include <algorithm>
#include <array>

#include "ioc/formats/formats.h"
#include "ioc/formats/json_document.h"

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
    event_ = text_of(event, "info");
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
    take(value.substr(0, bar), *type, attribute);
    if (type->both && bar != std::string_view::npos) {
      take(value.substr(bar + 1), *type, attribute);
    }
  }

  void take(std::string_view value, const AttributeType& type, JsonObject attribute) {
    Indicator indicator;
    indicator.scope = intake_.scope_or(type.scope);
    indicator.threat = event_;
    indicator.note = text_of(attribute, "comment");
    indicator.source_ref = text_of(attribute, "uuid");
    indicator.first_seen = time_of(attribute, "first_seen");
    intake_.field(value, Forms{.address = true, .url = type.is_url, .bare_url = type.is_url}, indicator);
  }

  std::string_view event_;
};

}  // namespace

std::unique_ptr<Stage> make_misp(Intake& intake) {
  return std::make_unique<Misp>(intake);
}

}  // namespace cenote
