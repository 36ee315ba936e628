// How each section of the configuration is read. One function a section; load_yaml.cpp is the table of
// contents. For conf/ alone.
#pragma once

#include <string>
#include <vector>

#include "conf/decode.h"

namespace cenote {

// What the sections share while one file is read.
struct ReadContext {
  // An address that one service of ours listens on, and where the file says so.
  struct Claim {
    SocketAddress address;
    TextPosition at;
    std::string key;
  };

  Settings& settings;
  Findings& findings;
  std::string base_dir;  // relative paths start here
  bool looks_at_files;   // false: nothing outside the text is touched
  std::vector<Claim> claims;

  [[nodiscard]] std::string resolved(const std::string& path) const;
};

// A list of mappings: calls `read_one` for each, with "feeds[2]" as the path.
void read_each(MapReader& parent, std::string_view key, Findings& findings,
               const std::function<void(MapReader&)>& read_one);
// A path key; relative ones are made relative to the configuration's folder.
void read_path(MapReader& map, std::string_view key, std::string& out, ReadContext& context);
// The same, but "" means that there is no such file.
void read_optional_path(MapReader& map, std::string_view key, std::string& out, ReadContext& context);
void read_listeners(MapReader& map, std::string_view key, std::vector<SocketAddress>& out,
                    ReadContext& context);
void read_certificate(MapReader& map, std::string& certificate, std::string& key, ReadContext& context);

void read_listen(MapReader& root, ReadContext& context);  // listen, tls
void read_clients(MapReader& root, ReadContext& context);
void read_upstream(MapReader& root, ReadContext& context);
void read_names(MapReader& root, ReadContext& context);
void read_rebinding(MapReader& root, ReadContext& context);
void read_limits(MapReader& root, ReadContext& context);
void read_sinkhole(MapReader& root, ReadContext& context);
void read_feeds(MapReader& root, ReadContext& context);
void read_guards(MapReader& root, ReadContext& context);
void read_exceptions(MapReader& root, ReadContext& context);  // exceptions, protect

// Across sections: two services on one address, a resolver that asks itself, a sinkhole nobody reaches.
void check_addresses(ReadContext& context);

ValueKind<Name> domain_name();
ValueKind<std::string> category_name();

}  // namespace cenote
