// What tests of the record of changes share.
#pragma once

#include <string>
#include <utility>

#include "ioc/audit_log.h"

namespace cenote::test {

inline AuditEntry audit_entry(std::string what, uint64_t generation) {
  AuditEntry audit;
  audit.who = "tester";
  audit.what = std::move(what);
  audit.outcome = "done";
  audit.generation = generation;
  return audit;
}

}  // namespace cenote::test
