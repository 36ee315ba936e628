// Policy: what is done about a question, and about what an answer carries.
//
//   decide    a question, before anything is asked upstream
//   inspect   an answer from upstream or from the cache: every name that its CNAME chain passes through,
//   every address,
//             every target and hint of an HTTPS or SVCB record
//   explain   the same decision with the whole way to it, for people
//
// Precedence (docs/security-team.md): an exception beats every entry of equal or smaller depth; of what is
// left a blocking entry beats a monitoring one, then the most specific entry wins, then the category's
// weight, then the confidence, then the newest. A client group's action for a category stands in for the
// feed's.
//
// One instance per thread. It owns a reference to one immutable snapshot, replaced by adopt() on that thread.
#pragma once

#include <memory>
#include <vector>

#include "ioc/snapshot.h"
#include "resolver/policy/clients.h"
#include "resolver/policy/verdict.h"

namespace cenote {

// One entry that covers the name, and what became of it.
struct Consideration {
  Hit hit;
  Record record;
  Action action = Action::kPass;  // after the group's override
  enum class Fate : uint8_t {
    kWon,
    kOutranked,
    kExpired,
    kNotYetValid,
    kExcepted,
    kException,
    kOtherClient
  } fate;
};

class Policy {
 public:
  explicit Policy(const PolicySettings& settings);

  // The caller drops the returned old snapshot where it may be freed.
  std::shared_ptr<const Snapshot> adopt(std::shared_ptr<const Snapshot> snapshot);
  [[nodiscard]] uint64_t generation() const noexcept { return generation_; }  // 0: no snapshot yet
  [[nodiscard]] const Snapshot* snapshot() const noexcept { return snapshot_.get(); }
  [[nodiscard]] std::shared_ptr<const Snapshot> share() const noexcept { return snapshot_; }
  [[nodiscard]] const Clients& clients() const noexcept { return clients_; }
  [[nodiscard]] const PolicySettings& settings() const noexcept { return settings_; }

  struct Asker {
    IpAddress address;
    uint16_t group = kNoGroup;
    int64_t unix_time = 0;  // decides whether an entry is valid
  };

  [[nodiscard]] Verdict decide(const Name& name, const Asker& asker) const noexcept {
    Verdict verdict;
    decide(name, asker, verdict);
    return verdict;
  }
  // The same where the verdict is kept. REQUIRES: it is a new one. False: no entry covers the name, whoever
  // asks and whatever time it is; that holds as long as this snapshot.
  bool decide(const Name& name, const Asker& asker, Verdict& verdict) const noexcept {
    bool touched = false;
    judge_name(name, MatchKind::kQuestion, asker, touched, verdict);
    return touched;
  }
  // An address as an answer would carry it.
  [[nodiscard]] Verdict decide(const IpAddress& address, const Asker& asker) const noexcept {
    bool touched = false;
    return snapshot_ ? judge_address(address, MatchKind::kAddress, asker, touched) : Verdict{};
  }
  // The sinkhole's: what we made ourselves is not judged again (RPZ section 6.1).
  [[nodiscard]] bool is_own_address(const IpAddress& address) const noexcept;

  struct Inspection {
    Verdict verdict;
    // No entry covers anything in the answer, whoever asks and whatever time it is: it need not be inspected
    // again under this snapshot.
    bool untouched = true;
  };
  // `message`: a whole, well-formed response (ScrubbedResponse::message) to a question for that name.
  [[nodiscard]] Inspection inspect(Bytes message, const Name& question, const Asker& asker) const noexcept;
  // Every entry that covers `name`, most specific first. The texts live until the next adopt().
  [[nodiscard]] std::vector<Consideration> explain(const Name& name, const Asker& asker) const;
  [[nodiscard]] std::vector<Consideration> explain(const IpAddress& address, const Asker& asker) const;

 private:
  void judge_name(const Name& name, MatchKind kind, const Asker& asker, bool& touched,
                  Verdict& verdict) const noexcept;
  // With the IPv4 address inside of it: the verdict has the one that is listed.
  [[nodiscard]] Verdict judge_address(const IpAddress& address, MatchKind kind, const Asker& asker,
                                      bool& touched) const noexcept;
  [[nodiscard]] Verdict judge_block(const IpAddress& address, MatchKind kind, const Asker& asker,
                                    bool& touched) const noexcept;
  template <typename Listed>
  std::vector<Consideration> explain_all(const Listed& listed, const Asker& asker) const;
  bool judge(std::span<const Hit> hits, const Asker& asker, Verdict& verdict) const noexcept;
  size_t consider(std::span<Consideration> all, const Asker& asker) const noexcept;
  [[nodiscard]] bool is_among(const Asker& asker, std::string_view clients) const noexcept;
  [[nodiscard]] Action effective_action(const Record& record, uint16_t group) const noexcept;
  void fill(Verdict& verdict, const Consideration& winner) const noexcept;

  PolicySettings settings_;
  Clients clients_;
  std::vector<IpAddress> own_addresses_;
  std::shared_ptr<const Snapshot> snapshot_;
  uint64_t generation_ = 0;                     // the snapshot's: asked for with every question
  int exceptions_feed_ = -1;                    // FeedId of the exceptions in this snapshot, -1: none
  std::vector<std::vector<Action>> overrides_;  // [group][category of the snapshot], kPass: the feed's own
  std::vector<uint8_t> weights_;                // [category of the snapshot]
};

}  // namespace cenote
