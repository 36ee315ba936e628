#include "resolver/dns/rr.h"

#include "resolver/dns/ldns_headers.h"
#include "resolver/dns/types.h"

namespace cenote {
namespace {

constexpr uint32_t kAnyTtl = 3600;  // records without one; nobody here looks at it

struct FreeRecord {
  void operator()(ldns_rr* record) const noexcept { ldns_rr_free(record); }
};

bool to_name(const ldns_rdf* field, Name& out) noexcept {
  const auto name = Name::from_wire({ldns_rdf_data(field), ldns_rdf_size(field)});
  if (name) {
    out = *name;
  }
  return name.has_value();
}

}  // namespace

void ZoneRecordReader::Free::operator()(ldns_rdf* field) const noexcept {
  ldns_rdf_deep_free(field);
}

ZoneRecordReader::ZoneRecordReader(const Name& origin) {
  set_origin(origin);
}

void ZoneRecordReader::set_origin(const Name& origin) {
  origin_.reset(ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, origin.wire().size(), origin.wire().data()));
}

bool ZoneRecordReader::read(const std::string& line, ZoneRecord& out) {
  ldns_rr* parsed = nullptr;
  ldns_rdf* owner = last_owner_.release();
  const ldns_status status = ldns_rr_new_frm_str(&parsed, line.c_str(), kAnyTtl, origin_.get(), &owner);
  last_owner_.reset(owner);
  if (status != LDNS_STATUS_OK) {
    return false;
  }
  const std::unique_ptr<ldns_rr, FreeRecord> record(parsed);
  out.type = static_cast<uint16_t>(ldns_rr_get_type(record.get()));
  if (!to_name(ldns_rr_owner(record.get()), out.owner)) {
    return false;
  }
  return ldns_rr_get_type(record.get()) != LDNS_RR_TYPE_CNAME ||
         to_name(ldns_rr_rdf(record.get(), 0), out.target);
}

std::optional<LocalRecord> read_record(const std::string& line, uint32_t default_ttl) {
  ldns_rr* parsed = nullptr;
  if (ldns_rr_new_frm_str(&parsed, line.c_str(), default_ttl, nullptr, nullptr) != LDNS_STATUS_OK) {
    return std::nullopt;
  }
  const std::unique_ptr<ldns_rr, FreeRecord> record(parsed);
  LocalRecord made;
  if (ldns_rr_get_class(parsed) != LDNS_RR_CLASS_IN || !to_name(ldns_rr_owner(parsed), made.owner)) {
    return std::nullopt;
  }
  made.type = static_cast<uint16_t>(ldns_rr_get_type(parsed));
  made.ttl = ldns_rr_ttl(parsed);
  const std::unique_ptr<ldns_buffer, void (*)(ldns_buffer*)> wire(ldns_buffer_new(kMaxMessageBytes),
                                                                  &ldns_buffer_free);
  if (ldns_rr_rdata2buffer_wire(wire.get(), parsed) != LDNS_STATUS_OK) {
    return std::nullopt;
  }
  const uint8_t* begin = ldns_buffer_begin(wire.get());
  made.rdata.assign(begin, begin + ldns_buffer_position(wire.get()));
  return made;
}

}  // namespace cenote
