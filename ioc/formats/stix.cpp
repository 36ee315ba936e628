// STIX 2.x bundles, arrays of STIX objects and TAXII 2.1 envelopes: their indicators. Observables alone are
// what somebody saw, not what somebody wants blocked, and are passed over.
#include <algorithm>
#include <array>
#include <unordered_map>

#include "ioc/formats/formats.h"
#include "ioc/formats/json_document.h"
#include "ioc/formats/stix_pattern.h"

namespace cenote {
namespace {

// Versions of an object are told apart by "modified" (STIX 2.1 section 3.6). The "Z" goes, so that a shorter
// fraction of a second sorts first.
std::string_view version_of(JsonObject object) {
  std::string_view modified = text_of(object, "modified");
  if (modified.ends_with('Z')) {
    modified.remove_suffix(1);
  }
  return modified;
}

// What an indicator may stand for (STIX 2.1 section 4.7, "indicates"), the more telling first. An attack
// pattern is a technique and no name of a threat.
enum Threat : size_t { kMalware, kActor, kThreats };

std::optional<Threat> threat_of(std::string_view type) noexcept {
  if (type == "malware" || type == "tool") {
    return kMalware;
  }
  if (type == "threat-actor" || type == "intrusion-set" || type == "campaign") {
    return kActor;
  }
  return std::nullopt;
}

// What it was sorted under: "labels" of STIX 2.0 and of tools, "indicator_types" of 2.1.
template <typename Take>
void each_label(JsonObject object, Take take) {
  for (const char* key : {"indicator_types", "labels"}) {
    if (const auto labels = array_of(object, key)) {
      for (const JsonValue value : *labels) {
        std::string_view label;
        if (value.get(label) == simdjson::SUCCESS && !label.empty()) {
          take(label);
        }
      }
    }
  }
}

// Its author says that it shows nothing bad (STIX 2.1 section 10.8), and nothing else.
bool is_benign(JsonObject object) {
  bool benign = false;
  bool other = false;
  each_label(object, [&](std::string_view label) { (label == "benign" ? benign : other) = true; });
  return benign && !other;
}

class Stix : public JsonFormat {
 public:
  using JsonFormat::JsonFormat;

 protected:
  Result<void> read(JsonValue root) override {
    const auto bundle = as_object(root);
    const auto objects = bundle ? array_of(*bundle, "objects") : as_array(root);
    if (!objects && !bundle) {
      return fail("stix: neither a bundle nor an array of objects");
    }
    if (!objects) {
      return {};  // an empty bundle, and TAXII's answer when there is nothing new
    }
    look_around(*objects);
    for (const JsonValue value : *objects) {
      ++intake_.line;
      const auto object = as_object(value);
      if (object && text_of(*object, "type") == "indicator") {
        read_indicator(*object);
      }
    }
    return {};
  }

 private:
  // What indicators are told by other objects, which may stand before or behind them.
  void look_around(JsonArray objects) {
    newest_.reserve(objects.size());
    std::vector<JsonObject> relationships;
    for (const JsonValue value : objects) {
      const auto object = as_object(value);
      if (!object) {
        continue;
      }
      const std::string_view type = text_of(*object, "type");
      const std::string_view id = text_of(*object, "id");
      if (type == "indicator" && !id.empty()) {
        std::string_view& newest = newest_[id];
        newest = std::max(newest, version_of(*object));
      } else if (type == "relationship" && text_of(*object, "relationship_type") == "indicates" &&
                 !flag_of(*object, "revoked")) {
        relationships.push_back(*object);
      } else if (const auto threat = threat_of(type)) {
        names_[id] = {*threat, text_of(*object, "name")};
      }
    }
    for (const JsonObject relationship : relationships) {
      if (const auto target = names_.find(text_of(relationship, "target_ref")); target != names_.end()) {
        std::string_view& name = indicated_[text_of(relationship, "source_ref")][target->second.kind];
        name = name.empty() ? target->second.text : name;
      }
    }
  }

  void read_indicator(JsonObject object) {
    const std::string_view pattern = text_of(object, "pattern");
    const std::string_view language = text_of(object, "pattern_type");
    const auto newest = newest_.find(text_of(object, "id"));
    const bool superseded = newest != newest_.end() && version_of(object) < newest->second;
    const Reason reason = superseded                                ? Reason::kSuperseded
                          : flag_of(object, "revoked")              ? Reason::kRevoked
                          : is_benign(object)                       ? Reason::kBenign
                          : !language.empty() && language != "stix" ? Reason::kPatternType
                                                                    : read_stix_pattern(pattern, terms_);
    if (reason != Reason::kNone) {
      intake_.reject(pattern, reason);
      return;
    }
    for (const StixTerm& term : terms_) {
      read_term(term, object);
    }
  }

  void read_term(const StixTerm& term, JsonObject object) {
    Indicator indicator;
    indicator.scope = term.below ? Scope::kBelow : intake_.scope_or(Scope::kExact);
    indicator.source_ref = text_of(object, "id");
    indicator.note = text_of(object, "description");
    // Many tools repeat the pattern as the name.
    const std::string_view name = text_of(object, "name");
    const bool is_telling = name.find(term.value) == std::string_view::npos;
    indicator.threat = is_telling ? name : std::string_view();
    if (find_threat(object)) {
      indicator.threat = threat_;
      indicator.note = indicator.note.empty() && is_telling ? name : indicator.note;
    }
    if (indicator.note.empty()) {
      indicator.note = labels_of(object);
    }
    indicator.valid_from = time_of(object, "valid_from");
    indicator.valid_until = time_of(object, "valid_until");
    if (const auto confidence = number_of(object, "confidence");
        confidence && *confidence >= 0 && *confidence <= 100) {
      indicator.confidence = static_cast<int>(*confidence);
    }
    if (const auto references = array_of(object, "external_references")) {
      for (const JsonValue reference : *references) {
        const auto found = as_object(reference);
        if (found && indicator.reference.empty()) {
          indicator.reference = text_of(*found, "url");
        }
      }
    }
    if (term.kind == StixTerm::Kind::kAddress) {
      intake_.address(term.value, indicator);
      return;
    }
    const bool is_url = term.kind == StixTerm::Kind::kUrl;
    intake_.field(term.value, Forms{.address = true, .url = is_url, .bare_url = is_url}, indicator);
  }

  // "ransomware, tlp:green": what says more than that it is bad.
  std::string_view labels_of(JsonObject object) {
    labels_.clear();
    each_label(object, [&](std::string_view label) {
      if (label != "malicious-activity") {
        labels_ += labels_.empty() ? "" : ", ";
        labels_ += label;
      }
    });
    return labels_;
  }

  // "Poison Ivy", "Poison Ivy, menuPass"; false: no relationship says it.
  bool find_threat(JsonObject object) {
    const auto found = indicated_.find(text_of(object, "id"));
    threat_.clear();
    if (found != indicated_.end()) {
      for (const std::string_view name : found->second) {
        threat_ += threat_.empty() || name.empty() ? "" : ", ";
        threat_ += name;
      }
    }
    return !threat_.empty();
  }

  struct Named {
    Threat kind;
    std::string_view text;
  };
  std::unordered_map<std::string_view, std::string_view> newest_;  // version by an indicator's id
  std::unordered_map<std::string_view, Named> names_;              // of what may be indicated, by id
  std::unordered_map<std::string_view, std::array<std::string_view, kThreats>>
      indicated_;  // by indicator's id
  std::string threat_;
  std::string labels_;
  std::vector<StixTerm> terms_;
};

}  // namespace

std::unique_ptr<Stage> make_stix(Intake& intake) {
  return std::make_unique<Stix>(intake);
}

}  // namespace cenote
