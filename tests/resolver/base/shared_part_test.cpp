#include "resolver/base/shared_part.h"

#include <catch2/catch.hpp>

namespace cenote::shared_part_test {

TEST_CASE("the fault of a part stands until each of its holders has it", "[base][shared_part]") {
  Faults faults;
  SharedPart part(faults, Part::kDot, 2);
  part.expect("no certificate", "");
  CHECK(faults.all() == std::vector<Fault>{{Part::kDot, true, "no certificate"}});
  CHECK_FALSE(part.is_held());

  part.expect("", "");  // the certificate is there now; nobody has opened the port yet
  CHECK(faults.is_off(Part::kDot));
  part.tell(0, true, "");
  CHECK(faults.is_off(Part::kDot));
  part.tell(1, false, "the port is taken");
  CHECK(faults.all() ==
        std::vector<Fault>{{Part::kDot, false, "1 of 2 workers are without it: the port is taken"}});
  part.expect("", "");
  part.tell(0, true, "");
  part.tell(1, true, "");
  CHECK(faults.all().empty());
}

TEST_CASE("what is wrong for all holders leaves those that have the part with what they have",
          "[base][shared_part]") {
  Faults faults;
  SharedPart part(faults, Part::kDoh, 1);
  part.expect("", "expired");
  CHECK(faults.all().empty());
  part.tell(0, true, "");
  CHECK(faults.all() == std::vector<Fault>{{Part::kDoh, false, "expired"}});
  CHECK(part.is_held());
  part.expect("no key", "");
  CHECK(faults.all() ==
        std::vector<Fault>{{Part::kDoh, false, "no key; what was shown before stays in use"}});
  part.expect("", "");
  part.tell(0, true, "the key went meanwhile");
  CHECK(faults.all() == std::vector<Fault>{{Part::kDoh, false, "the key went meanwhile"}});
}

}  // namespace cenote::shared_part_test
