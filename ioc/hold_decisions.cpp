#include "ioc/hold_decisions.h"

#include <nlohmann/json.hpp>

#include "ioc/state_json.h"
#include "resolver/base/text.h"

namespace cenote {

std::string hold_scope(const Indicator& indicator) {
  return indicator.kind == Indicator::Kind::kName ? std::string(to_text(indicator.scope)) : "address";
}

std::string hold_key(const Indicator& indicator) {
  const bool is_name = indicator.kind == Indicator::Kind::kName;
  return hold_scope(indicator) + ' ' + (is_name ? indicator.name.to_text() : indicator.prefix.to_text());
}

std::string write_decisions(const HoldDecisions& decisions) {
  std::string text;
  for (const auto& [key, decision] : decisions.decisions_) {
    const nlohmann::json json{{"entry", key},
                              {"released", decision.is_released},
                              {"who", decision.who},
                              {"reason", decision.reason},
                              {"time", decision.time.time_since_epoch().count()}};
    text += json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + '\n';
  }
  return text;
}

HoldDecisions read_decisions(std::string_view text) {
  HoldDecisions decisions;
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty()) {
      continue;
    }
    try {
      const auto json = parse_state(line);
      decisions.decide(json.at("entry"),
                       {json.at("released"), json.at("who"), json.at("reason"), state_time(json.at("time"))});
    } catch (const nlohmann::json::exception&) {
      continue;
    }
  }
  return decisions;
}

}  // namespace cenote
