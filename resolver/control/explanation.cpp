#include "resolver/control/explanation.h"

namespace cenote {
namespace {

std::string_view fate_text(Consideration::Fate fate) {
  switch (fate) {
    case Consideration::Fate::kWon:
      return "won";
    case Consideration::Fate::kOutranked:
      return "outranked";
    case Consideration::Fate::kExpired:
      return "expired";
    case Consideration::Fate::kNotYetValid:
      return "not-yet-valid";
    case Consideration::Fate::kExcepted:
      return "excepted";
    case Consideration::Fate::kException:
      return "exception";
    case Consideration::Fate::kOtherClient:
      return "other-client";
  }
  return "unknown";
}

ExplainStep to_step(const Consideration& considered, const Name& name, const Snapshot& snapshot) {
  const Record& record = considered.record;
  const auto& feeds = snapshot.feeds();
  const auto& categories = snapshot.categories();
  ExplainStep step;
  step.feed = record.feed < feeds.size() ? feeds[record.feed].name : "";
  step.category = record.category < categories.size() ? categories[record.category] : "";
  step.indicator = name.suffix(considered.hit.depth).to_text();
  step.scope = considered.hit.scope;
  step.feed_action = record.action;
  step.action = considered.action;
  step.fate = fate_text(considered.fate);
  step.confidence = record.confidence;
  step.threat = record.threat;
  step.reference = record.reference;
  step.note = record.note;
  step.valid_from = record.valid_from;
  step.valid_until = record.valid_until;
  return step;
}

}  // namespace

Explanation explain(const Policy& policy, const ExplainQuestion& question) {
  Explanation explanation;
  explanation.question = question;
  const Clients& clients = policy.clients();
  const uint16_t group = clients.group_of(question.client);
  explanation.may_ask = clients.may_ask(question.client);
  explanation.group = clients.group_name(group);
  if (policy.snapshot() == nullptr) {
    return explanation;
  }
  const Policy::Asker asker{question.client, group, unix_seconds(question.time)};
  explanation.verdict = policy.decide(question.name, asker);
  for (const Consideration& considered : policy.explain(question.name, asker)) {
    explanation.steps.push_back(to_step(considered, question.name, *policy.snapshot()));
  }
  return explanation;
}

}  // namespace cenote
