#include "resolver/events/event_json.h"

#include <nlohmann/json.hpp>

#include "resolver/dns/types.h"

namespace cenote {

std::string to_json_line(const Event& event) {
  const Verdict& verdict = event.verdict;
  nlohmann::ordered_json line;
  line["time"] = to_rfc3339(event.time);
  line["incident"] = event.incident.to_text().view();
  line["client"] = event.client.address().to_text();
  line["client_port"] = event.client.port();
  line["transport"] = to_text(event.transport);
  line["name"] = event.name.to_text();
  if (event.type != 0) {
    line["type"] = type_text(event.type);
  }
  line["action"] = to_text(verdict.action);
  line["match"] = to_text(verdict.match);
  if (verdict.match == MatchKind::kAddress || verdict.match == MatchKind::kServiceHint) {
    line["matched"] = verdict.address.to_text();
  } else {
    line["matched"] = verdict.matched.to_text();
    line["indicator"] = verdict.matched.suffix(verdict.depth).to_text();
  }
  line["scope"] = to_text(verdict.scope);
  line["feed"] = verdict.feed.view();
  line["category"] = verdict.category.view();
  line["confidence"] = verdict.confidence;
  line["generation"] = verdict.generation;
  if (!verdict.threat.view().empty()) {
    line["threat"] = verdict.threat.view();
  }
  if (!verdict.reference.view().empty()) {
    line["reference"] = verdict.reference.view();
  }
  if (!event.group.view().empty()) {
    line["group"] = event.group.view();
  }
  // Feed texts may hold anything: bad UTF-8 becomes U+FFFD, and non-ASCII is escaped so that no terminal is
  // moved.
  return line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace cenote
