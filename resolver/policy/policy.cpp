#include "resolver/policy/policy.h"

#include <algorithm>
#include <array>

#include <boost/container/small_vector.hpp>

#include "ioc/updater.h"
#include "resolver/dns/records.h"
#include "resolver/policy/embedded_address.h"

namespace cenote {
namespace {

// When several categories compete for what the page says (docs/security-team.md).
uint8_t weight_of(std::string_view category) noexcept {
  constexpr std::array<std::string_view, 5> kLightestFirst{"suspicious", "darknet", "phishing", "malware",
                                                           "c2"};
  const auto found = std::find(kLightestFirst.begin(), kLightestFirst.end(), category);
  return found == kLightestFirst.end() ? uint8_t{0}
                                       : static_cast<uint8_t>(found - kLightestFirst.begin() + 1);
}

bool is_block(Action action) noexcept {
  return action >= Action::kNodata && action <= Action::kDrop;
}

// An exact entry is more specific than a suffix of the same depth; "below" lies between the depths but covers
// only deeper names, so it ranks as a suffix.
int rank_of(const Hit& hit) noexcept {
  return hit.depth * 2 + (hit.scope == Scope::kExact ? 1 : 0);
}

// What the entries are worth that allow a name. One lifts every entry of its depth or above it, by depth
// alone: whoever allows "x.test" with all below means the hosts file's exact "x.test" too. An exception lifts
// what any feed says, a feed's own "not this one" what that feed says.
class Exceptions {
 public:
  // REQUIRES: deeper ones come first.
  void add(const Consideration& exception, bool is_for_all) {
    if (is_for_all) {
      for_all_ = std::max<int>(for_all_, exception.hit.depth);
    } else if (depth_of(exception.record.feed) < 0) {
      of_feeds_.emplace_back(exception.record.feed, exception.hit.depth);
    }
  }
  [[nodiscard]] bool lift(const Consideration& entry) const noexcept {
    return std::max(for_all_, depth_of(entry.record.feed)) >= entry.hit.depth;
  }

 private:
  [[nodiscard]] int depth_of(FeedId feed) const noexcept {
    const auto found = std::find_if(of_feeds_.begin(), of_feeds_.end(),
                                    [&](const auto& each) { return each.first == feed; });
    return found == of_feeds_.end() ? -1 : found->second;
  }
  int for_all_ = -1;  // the deepest
  boost::container::small_vector<std::pair<FeedId, uint8_t>, 4> of_feeds_;
};

// A verdict that acts beats one that only records; of equals the earlier stays.
void take_stronger(Verdict& best, const Verdict& other) noexcept {
  if ((other.blocks() && !best.blocks()) || (other.is_recorded() && !best.is_recorded())) {
    best = other;
  }
}

}  // namespace

Policy::Policy(const PolicySettings& settings) : settings_(settings), clients_(settings.clients) {
  const auto collect = [&](const ByCategory<std::optional<IpAddress>>& addresses) {
    if (addresses.otherwise) {
      own_addresses_.push_back(*addresses.otherwise);
    }
    for (const auto& [category, address] : addresses.of) {
      if (address) {
        own_addresses_.push_back(*address);
      }
    }
  };
  collect(settings_.sinkhole.ipv4);
  collect(settings_.sinkhole.ipv6);
}

std::shared_ptr<const Snapshot> Policy::adopt(std::shared_ptr<const Snapshot> snapshot) {
  snapshot_.swap(snapshot);
  generation_ = snapshot_ ? snapshot_->generation() : 0;
  exceptions_feed_ = -1;
  if (snapshot_ == nullptr) {
    return snapshot;
  }
  const auto& feeds = snapshot_->feeds();
  for (size_t i = 0; i < feeds.size(); ++i) {
    if (feeds[i].name == kExceptionsFeed) {
      exceptions_feed_ = static_cast<int>(i);
    }
  }
  const auto& categories = snapshot_->categories();
  weights_.clear();
  overrides_.assign(clients_.groups().size(), std::vector<Action>(categories.size(), Action::kPass));
  for (size_t category = 0; category < categories.size(); ++category) {
    weights_.push_back(weight_of(categories[category]));
    for (size_t group = 0; group < overrides_.size(); ++group) {
      const auto& actions = clients_.groups()[group].actions;
      const auto found = actions.find(categories[category]);
      if (found != actions.end()) {
        overrides_[group][category] = found->second;
      }
    }
  }
  return snapshot;
}

Action Policy::effective_action(const Record& record, uint16_t group) const noexcept {
  if (group == kNoGroup || record.action == Action::kAllow) {
    return record.action;
  }
  const Action override_action = overrides_[group][record.category];
  return override_action == Action::kPass ? record.action : override_action;
}

// Whom an exception is bound to: a group, or a prefix. A group that is not configured has no clients.
bool Policy::is_among(const Asker& asker, std::string_view clients) const noexcept {
  if (const std::string_view group = excepted_group(clients); !group.empty()) {
    return group == clients_.group_name(asker.group);
  }
  const auto prefix = Prefix::from_text(clients);
  return prefix && prefix->contains(asker.address);
}

// Gives each consideration its fate and returns the index of the winner, or all.size() when there is none.
// REQUIRES: `all` is most specific first, hit and record filled in.
size_t Policy::consider(std::span<Consideration> all, const Asker& asker) const noexcept {
  using Fate = Consideration::Fate;
  Exceptions exceptions;
  for (Consideration& each : all) {
    const Record& record = each.record;
    each.action = effective_action(record, asker.group);
    each.fate = Fate::kOutranked;
    if (record.valid_until != 0 && asker.unix_time >= record.valid_until) {
      each.fate = Fate::kExpired;
    } else if (asker.unix_time < record.valid_from) {
      each.fate = Fate::kNotYetValid;
    } else if (record.action == Action::kAllow) {
      // An exception may be bound to some clients; a feed's own "not this one" never is.
      const bool bound = static_cast<int>(record.feed) == exceptions_feed_ && !record.source_ref.empty();
      each.fate = bound && !is_among(asker, record.source_ref) ? Fate::kOtherClient : Fate::kException;
      if (each.fate == Fate::kException) {
        exceptions.add(each, static_cast<int>(record.feed) == exceptions_feed_);
      }
    }
  }
  const auto beats = [&](const Consideration& a, const Consideration& b) {
    if (is_block(a.action) != is_block(b.action)) {
      return is_block(a.action);
    }
    if (rank_of(a.hit) != rank_of(b.hit)) {
      return rank_of(a.hit) > rank_of(b.hit);
    }
    if (weights_[a.record.category] != weights_[b.record.category]) {
      return weights_[a.record.category] > weights_[b.record.category];
    }
    if (a.record.confidence != b.record.confidence) {
      return a.record.confidence > b.record.confidence;
    }
    return a.record.first_seen > b.record.first_seen;
  };
  size_t winner = all.size();
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].fate != Fate::kOutranked || all[i].action == Action::kPass ||
        all[i].action == Action::kAllow) {
      continue;
    }
    if (exceptions.lift(all[i])) {
      all[i].fate = Fate::kExcepted;
    } else if (winner == all.size() || beats(all[i], all[winner])) {
      winner = i;
    }
  }
  if (winner != all.size()) {
    all[winner].fate = Fate::kWon;
  }
  return winner;
}

void Policy::fill(Verdict& verdict, const Consideration& winner) const noexcept {
  verdict.action = winner.action;
  verdict.scope = winner.hit.scope;
  verdict.depth = winner.hit.depth;
  verdict.confidence = winner.record.confidence;
  verdict.generation = generation_;
  verdict.feed = std::string_view(snapshot_->feeds()[winner.record.feed].name);
  verdict.category = std::string_view(snapshot_->categories()[winner.record.category]);
  verdict.threat = winner.record.threat;
  verdict.reference = winner.record.reference;
}

// Fills the verdict from the winner among `hits`; false when none of them acts.
bool Policy::judge(std::span<const Hit> hits, const Asker& asker, Verdict& verdict) const noexcept {
  boost::container::small_vector<Consideration, kUsualHits> all;
  for (const Hit& hit : hits) {
    all.push_back({hit, snapshot_->record(hit.record), Action::kPass, Consideration::Fate::kOutranked});
  }
  const size_t winner = consider({all.data(), all.size()}, asker);
  verdict.excepted = std::any_of(all.begin(), all.end(), [&](const Consideration& each) {
    return each.fate == Consideration::Fate::kException &&
           static_cast<int>(each.record.feed) == exceptions_feed_;
  });
  if (winner == all.size()) {
    return false;
  }
  fill(verdict, all[winner]);
  return true;
}

void Policy::judge_name(const Name& name, MatchKind kind, const Asker& asker, bool& touched,
                        Verdict& verdict) const noexcept {
  if (snapshot_ == nullptr) {
    return;
  }
  const Hits hits(*snapshot_, name);
  if (hits.empty()) {
    return;
  }
  touched = true;
  if (!judge(hits.all(), asker, verdict)) {
    return;
  }
  verdict.match = kind;
  verdict.matched = name;
  // NXDOMAIN here would tell caches that nothing exists below (RFC 8020), though some of it may resolve.
  const bool only_this_name = verdict.scope == Scope::kExact && verdict.depth == name.label_count();
  verdict.keeps_children =
      verdict.action == Action::kNxdomain && (only_this_name || snapshot_->has_entry_below(name));
}

Verdict Policy::judge_address(const IpAddress& address, MatchKind kind, const Asker& asker,
                              bool& touched) const noexcept {
  Verdict verdict = judge_block(address, kind, asker, touched);
  if (const auto inside = embedded_v4(address)) {
    take_stronger(verdict, judge_block(*inside, kind, asker, touched));
  }
  return verdict;
}

Verdict Policy::judge_block(const IpAddress& address, MatchKind kind, const Asker& asker,
                            bool& touched) const noexcept {
  Verdict verdict;
  const Hits hits(*snapshot_, address);
  if (hits.empty() || is_own_address(address)) {
    return verdict;
  }
  touched = true;
  if (judge(hits.all(), asker, verdict)) {
    verdict.match = kind;
    verdict.address = address;
  }
  return verdict;
}

Policy::Inspection Policy::inspect(Bytes message, const Name& question, const Asker& asker) const noexcept {
  Inspection inspection;
  if (snapshot_ == nullptr) {
    return inspection;
  }
  Verdict& best = inspection.verdict;
  bool touched = false;
  RecordReader reader(message, question);
  RecordView record;
  while (!best.blocks() && reader.next(record) && record.section == Section::kAnswer) {
    Verdict verdict;
    Name target;
    switch (record.type) {
      case rrtype::kCname:
        if (read_rdata_name(message, record, 0, target)) {
          judge_name(target, MatchKind::kCname, asker, touched, verdict);
        }
        break;
      case rrtype::kA:
      case rrtype::kAaaa:
        if (const auto address =
                IpAddress::from_bytes(message.subspan(record.rdata_offset, record.rdata_size))) {
          verdict = judge_address(*address, MatchKind::kAddress, asker, touched);
          verdict.matched = record.owner;
        }
        break;
      case rrtype::kHttps:
      case rrtype::kSvcb:
        read_service_binding(
            message, record,
            [&](const Name& name) {
              Verdict of_target;
              judge_name(name, MatchKind::kServiceTarget, asker, touched, of_target);
              take_stronger(verdict, of_target);
            },
            [&](Bytes hint) {
              if (const auto address = IpAddress::from_bytes(hint)) {
                take_stronger(verdict, judge_address(*address, MatchKind::kServiceHint, asker, touched));
              }
            });
        break;
      default:
        break;
    }
    take_stronger(best, verdict);
  }
  inspection.untouched = !touched;
  return inspection;
}

template <typename Listed>
std::vector<Consideration> Policy::explain_all(const Listed& listed, const Asker& asker) const {
  std::vector<Consideration> all;
  if (snapshot_ == nullptr) {
    return all;
  }
  const Hits hits(*snapshot_, listed);
  for (const Hit& hit : hits.all()) {
    all.push_back({hit, snapshot_->record(hit.record), Action::kPass, Consideration::Fate::kOutranked});
  }
  consider(all, asker);
  return all;
}

std::vector<Consideration> Policy::explain(const Name& name, const Asker& asker) const {
  return explain_all(name, asker);
}
std::vector<Consideration> Policy::explain(const IpAddress& address, const Asker& asker) const {
  return explain_all(address, asker);
}

bool Policy::is_own_address(const IpAddress& address) const noexcept {
  return std::find(own_addresses_.begin(), own_addresses_.end(), address) != own_addresses_.end();
}

}  // namespace cenote
