// Every format reader by its maker. The readers themselves are private to their files.
#pragma once

#include <memory>

#include "ioc/formats/format.h"

namespace cenote {

std::unique_ptr<Stage> make_plain(Intake& intake);
std::unique_ptr<Stage> make_wildcard(Intake& intake);
std::unique_ptr<Stage> make_hosts(Intake& intake);
std::unique_ptr<Stage> make_adblock(Intake& intake);
std::unique_ptr<Stage> make_dnsmasq(Intake& intake);
std::unique_ptr<Stage> make_unbound(Intake& intake);
std::unique_ptr<Stage> make_bind(Intake& intake);
std::unique_ptr<Stage> make_dnscrypt(Intake& intake);
std::unique_ptr<Stage> make_rpz(Intake& intake);
std::unique_ptr<Stage> make_csv(Intake& intake);
std::unique_ptr<Stage> make_url(Intake& intake);
std::unique_ptr<Stage> make_defanged(Intake& intake);
std::unique_ptr<Stage> make_maltrail(Intake& intake);
std::unique_ptr<Stage> make_stix(Intake& intake);  // a TAXII page is read alike
std::unique_ptr<Stage> make_misp(Intake& intake);
std::unique_ptr<Stage> make_ip(Intake& intake);
std::unique_ptr<Stage> make_json(Intake& intake);
std::unique_ptr<Stage> make_yaml(Intake& intake);

}  // namespace cenote
