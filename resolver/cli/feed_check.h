// `cenote feed check`: what an importer makes of a file. Offline; no server, no configuration.
#pragma once

#include <string>
#include <vector>

#include "resolver/cli/output.h"

namespace cenote {

struct FeedCheckArguments {
  std::string file = "-";  // "-": standard input
  std::string format = "auto";
  std::string scope{};                 // "exact", "suffix", or empty: the format's own
  std::vector<std::string> options{};  // "column=2"
  bool lists = false;                  // only the accepted entries, sorted, one a line
  bool is_json = false;
};

// 0: read, even when lines were rejected; 1: unreadable or refused as a whole; 2: an option is wrong.
int check_feed(Output& output, const FeedCheckArguments& arguments);

}  // namespace cenote
