#include "resolver/control/explanation.h"

#include <algorithm>

#include "ioc/updater.h"
#include "resolver/policy/embedded_address.h"

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

// The block of so many bits that holds the address.
Prefix block_around(const IpAddress& address, uint8_t bits) {
  std::vector<uint8_t> bytes(address.bytes().begin(), address.bytes().end());
  for (size_t i = 0; i < bytes.size(); ++i) {
    const size_t kept = std::min<size_t>(8, bits - std::min<size_t>(bits, i * 8));
    bytes[i] = static_cast<uint8_t>(bytes[i] & (0xFF00U >> kept));
  }
  return {*IpAddress::from_bytes(bytes), bits};
}

ExplainStep to_step(const Consideration& considered, const ExplainQuestion& question,
                    const Snapshot& snapshot) {
  const Record& record = considered.record;
  const auto& feeds = snapshot.feeds();
  const auto& categories = snapshot.categories();
  ExplainStep step;
  step.feed = record.feed < feeds.size() ? feeds[record.feed].name : "";
  step.category = record.category < categories.size() ? categories[record.category] : "";
  step.indicator = listed_at(question, considered.hit.depth);
  step.scope = considered.hit.scope;
  step.feed_action = record.action;
  step.action = considered.action;
  step.fate = fate_text(considered.fate);
  step.confidence = record.confidence;
  step.threat = record.threat;
  step.reference = record.reference;
  step.note = record.note;
  step.excepted = step.feed == kExceptionsFeed ? record.source_ref : std::string_view();
  step.valid_from = record.valid_from;
  step.valid_until = record.valid_until;
  return step;
}

}  // namespace

std::string listed_at(const ExplainQuestion& question, uint8_t depth) {
  return question.address ? block_around(*question.address, depth).to_text()
                          : question.name.suffix(depth).to_text();
}

Explanation explain(const Policy& policy, const ExplainQuestion& question) {
  Explanation explanation;
  explanation.question = question;
  const Clients& clients = policy.clients();
  const uint16_t group = clients.group_of(question.client, question.client_name);
  explanation.may_ask = clients.may_ask(question.client, question.has_certificate);
  explanation.group = clients.group_name(group);
  if (policy.snapshot() == nullptr) {
    return explanation;
  }
  const Policy::Asker asker{question.client, group, unix_seconds(question.time)};
  explanation.generation = policy.generation();
  explanation.verdict =
      question.address ? policy.decide(*question.address, asker) : policy.decide(question.name, asker);
  const auto add = [&](const ExplainQuestion& asked) {
    for (const Consideration& considered :
         asked.address ? policy.explain(*asked.address, asker) : policy.explain(asked.name, asker)) {
      explanation.steps.push_back(to_step(considered, asked, *policy.snapshot()));
    }
  };
  add(question);
  if (const auto inside = question.address ? embedded_v4(*question.address) : std::nullopt) {
    ExplainQuestion asked = question;
    asked.address = inside;
    add(asked);
  }
  return explanation;
}

std::string matched_by(const Explanation& explanation) {
  ExplainQuestion matched = explanation.question;
  if (explanation.verdict.is_about_address()) {
    matched.address = explanation.verdict.address;  // which may be one inside of what was asked
  }
  return listed_at(matched, explanation.verdict.depth);
}

}  // namespace cenote
