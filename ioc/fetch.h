// Fetches a feed over HTTPS (or HTTP, where the source says so): blocking, bounded in size and time. TAXII
// collections are read page by page into one list.
//
// Threads: any; a cancelled fetch ends within a second.
#pragma once

#include <atomic>
#include <string>

#include "ioc/feed.h"
#include "ioc/incoming_list.h"
#include "resolver/base/clock.h"
#include "resolver/base/result.h"

namespace cenote {

struct FetchRequest {
  std::string url;
  std::string version;  // of what we have: an unchanged source then sends nothing
  std::string proxy;    // "http://HOST:PORT"; empty: none, whatever the environment says
  std::string header;   // one more header line, "Authorization: Bearer ..."; not sent to another host
  std::string accept;   // media type; empty: any
  std::string ca_file;  // whom an https server's certificate must come from; empty: the system's
  IncomingList* list = nullptr;  // takes the body as it comes, instead of Fetched::body
  HostResolver resolve;          // instead of the machine's resolver, which may be ourselves; may be empty
  uint64_t most_bytes = uint64_t{256} << 20;  // after decompression by the transfer
  seconds timeout{120};                       // of one answer, redirects and all
  MonoTime end = MonoTime::max();             // of everything: pages and redirects must not add up to days
};
constexpr seconds kMostFetchTime{15 *
                                 60};  // of a collection, however many pages a server has: others wait for it

struct Fetched {
  bool is_unchanged = false;
  std::string body;
  std::string version;      // ETag or Last-Modified; empty: the server names none
  std::string added_until;  // X-TAXII-Date-Added-Last; empty without
};

Result<Fetched> fetch(const FetchRequest& request, const std::atomic<bool>& cancelled);

// `url` is the collection's; its objects come as one bundle. When `version` is of an earlier fetch, one
// question tells whether anything was added since.
Result<Fetched> fetch_taxii(const FetchRequest& request, const std::atomic<bool>& cancelled);

}  // namespace cenote
