// Records in presentation form (RFC 1035 section 5.1), read by ldns. One record at a time: whoever reads a
// zone file joins its lines, drops its comments and decides about its directives; nothing here opens a file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "resolver/dns/name.h"

struct ldns_struct_rdf;

namespace cenote {

struct ZoneRecord {
  Name owner;
  uint16_t type = 0;
  Name target;  // CNAME only
};

class ZoneRecordReader {
 public:
  // Relative names are below `origin`.
  explicit ZoneRecordReader(const Name& origin);
  void set_origin(const Name& origin);

  // "owner [ttl] [class] type rdata" in any letter case; a blank in front repeats the last owner. False: no
  // record.
  bool read(const std::string& line, ZoneRecord& out);

 private:
  struct Free {
    void operator()(ldns_struct_rdf* field) const noexcept;
  };
  using Field = std::unique_ptr<ldns_struct_rdf, Free>;

  Field origin_;
  Field last_owner_;
};

// A record that Cenote itself answers with.
struct LocalRecord {
  Name owner;
  uint16_t type = 0;
  uint32_t ttl = 0;            // seconds
  std::vector<uint8_t> rdata;  // as on the wire, names whole

  bool operator==(const LocalRecord&) const = default;
};

// "printer.corp.example. 300 IN A 10.0.0.7"; names are absolute, TTL and class may be left out. nullopt: no
// record, or one of another class.
std::optional<LocalRecord> read_record(const std::string& line, uint32_t default_ttl);

}  // namespace cenote
