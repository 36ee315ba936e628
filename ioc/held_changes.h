// Whole changes that a guard keeps back, on disk until a person decides: at most one for each feed, the
// newest.
//
//   STATE_DIR/held/FEED.json    what it is, and why it waits
//   STATE_DIR/held/FEED.list    the list that came
//
// Threads: one, the updater's.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ioc/feed_status.h"
#include "ioc/incoming_list.h"
#include "resolver/base/result.h"

namespace cenote {

struct HeldList {
  HeldChange change;
  std::string format;       // as it was pushed; empty: the feed's own
  std::string version;      // of its source
  std::string content;      // id of the list
  bool is_refused = false;  // the same list is not held again
};

class HeldChanges {
 public:
  // Takes over what the folder holds. What cannot be read is said in the log and in damaged(), and set aside.
  void open(std::string folder);

  Result<void> keep(HeldList held, IncomingList& list);
  Result<void> refuse(const std::string& feed);  // forgets the list, remembers its id
  void drop(const std::string& feed);
  [[nodiscard]] const HeldList* find(const std::string& feed) const;  // also a refused one
  [[nodiscard]] std::string list_path(const std::string& feed) const { return path(feed, ".list"); }
  [[nodiscard]] std::vector<HeldChange> waiting() const;
  // What the start could not read of a feed, for people; empty: nothing, or a newer list came.
  [[nodiscard]] std::string damaged(const std::string& feed) const {
    const auto found = damaged_.find(feed);
    return found == damaged_.end() ? "" : found->second;
  }

 private:
  [[nodiscard]] std::string path(const std::string& feed, std::string_view end) const;
  Result<void> write(const HeldList& held) const;
  Result<void> take_over(const std::string& feed);

  std::string folder_;
  std::map<std::string, HeldList> held_;
  std::map<std::string, std::string> damaged_;  // by feed
};

}  // namespace cenote
