// YAML lists of indicators by subject ("- name: X, websites: [...], c2: {domains: [...], ips: [...]}"): texts
// below a key that names network indicators. yaml-cpp throws; nothing leaves this file but a Result.
#include <array>

#include <yaml-cpp/yaml.h>

#include "ioc/formats/formats.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

constexpr size_t kMaxBytes = 16 << 20;  // the library needs about 100 bytes of memory for each
constexpr size_t kMaxYamlDepth = 64;

// Below these, texts are indicators.
constexpr std::array<std::string_view, 12> kNetworkKeys{"websites", "distribution", "domains", "domain",
                                                        "hosts",    "hostnames",    "c2",      "ips",
                                                        "ip",       "urls",         "url",     "indicators"};

class Yaml : public Stage {
 public:
  explicit Yaml(Intake& intake) : intake_(intake) {}

  Result<void> feed(std::string_view bytes) override {
    if (document_.size() + bytes.size() > kMaxBytes) {
      return fail("yaml: longer than {} bytes", kMaxBytes);
    }
    document_ += bytes;
    return {};
  }

  Result<void> finish() override {
    try {
      // An alias bomb is small in memory, as aliases are shared, but not when it is walked.
      visits_left_ = document_.size() + 1;
      return walk(YAML::Load(document_), false, {}, 0);
    } catch (const YAML::Exception& error) {
      return fail("yaml: line {}: {}", error.mark.line + 1, error.msg);
    }
  }

 private:
  Result<void> walk(const YAML::Node& node, bool network, const std::string& threat, size_t depth) {
    if (depth > kMaxYamlDepth || visits_left_-- == 0) {
      return fail("yaml: nested too deep, or aliases that multiply");
    }
    if (node.IsScalar() && network) {
      take(node, threat);
    } else if (node.IsSequence()) {
      for (const YAML::Node& element : node) {
        if (auto ok = walk(element, network, threat, depth + 1); !ok) {
          return ok;
        }
      }
    } else if (node.IsMap()) {
      return walk_map(node, network, threat, depth);
    }
    return {};
  }

  Result<void> walk_map(const YAML::Node& map, bool network, const std::string& threat, size_t depth) {
    const YAML::Node name = map["name"];
    const std::string subject = name.IsDefined() && name.IsScalar() ? name.Scalar() : threat;
    for (const auto& member : map) {
      const std::string key = member.first.IsScalar() ? member.first.Scalar() : std::string();
      const bool named = is_one_of(key, kNetworkKeys);
      if (auto ok = walk(member.second, named || (network && !map["name"].IsDefined()), subject, depth + 1);
          !ok) {
        return ok;
      }
    }
    return {};
  }

  void take(const YAML::Node& node, const std::string& threat) {
    intake_.line = static_cast<uint64_t>(node.Mark().line) + 1;
    Indicator indicator;
    indicator.scope = intake_.scope_or(Scope::kExact);
    indicator.threat = threat;
    constexpr Forms kForms{.address = true, .url = true, .bare_url = true, .stars = true};
    intake_.field(node.Scalar(), kForms, indicator);
  }

  Intake& intake_;
  std::string document_;
  size_t visits_left_ = 0;
};

}  // namespace

std::unique_ptr<Stage> make_yaml(Intake& intake) {
  return std::make_unique<Yaml>(intake);
}

}  // namespace cenote
