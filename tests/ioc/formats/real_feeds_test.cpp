// What the importer makes of lists as they are published, file by file. The literals were counted by another
// implementation of the same rules; where ours differs the reason stands beside the number.
#include <algorithm>

#include <catch2/catch.hpp>

#include "ioc/feed_report.h"
#include "ioc/recognise.h"
#include "ioc/suffixes.h"
#include "tests/support/feeds_folder.h"
#include "tests/support/read_file.h"

namespace cenote::real_feeds_test {
namespace {

using test::read_file;

struct RealFeed {
  const char* format;
  const char* file;
  size_t names;
  size_t addresses;
  size_t rejects;
  size_t held;
};

constexpr RealFeed kFeeds[] = {
    {"hosts", "hosts/blocklistproject-scam.hosts.txt", 8527, 0, 0, 0},
    {"hosts", "hosts/blocklistproject-redirect.hosts.txt", 108685, 0, 0, 0},
    {"hosts", "hosts/urlhaus-20240809.hosts.txt", 1828, 0, 2, 0},
    {"plain", "plain/blocklistproject-phishing.domains.txt", 190215, 0, 0, 0},
    {"plain", "plain/urlhaus-20240809.domains.txt", 1828, 72951, 2, 0},
    {"plain", "plain/stalkerware-20240324.domains.txt", 874, 0, 0, 0},
    {"plain", "plain/stalkerware-20240324.quad9.txt", 891, 1, 0, 0},
    {"plain", "plain/amnesty-pegasus.domains.txt", 1438, 0, 0, 0},
    {"plain", "plain/unit42-angler-compromised.txt", 90554, 0, 1, 0},
    {"plain", "plain/disposable-20250101.domains.txt", 3823, 0, 0, 0},
    // 12 more than the other count: xn-- labels that IDNA 2008 would not make (U+26A1 and such) are kept as
    // they are.
    {"plain", "large/maltrail-20260301.domains.txt.gz", 895654 + 12, 0, 1945, 0},
    {"wildcard", "wildcard/jarelllama-scams_light.wildcard.txt", 18249, 0, 0, 5},
    {"wildcard", "wildcard/jarelllama-config-wildcards.txt", 371, 0, 0, 0},
    {"adblock", "adblock/blocklistproject-redirect.adguard.txt", 108682, 0, 0, 3},
    {"adblock", "adblock/urlhaus-20240809.agh.txt", 1828, 72951, 2, 0},
    {"adblock", "adblock/urlhaus-20240809-online.ublock.txt", 270, 2285, 2993, 0},
    {"adblock", "adblock/jarelllama-scams_light.abp.txt", 18249, 0, 0, 5},
    {"dnsmasq", "dnsmasq/blocklistproject-scam.dnsmasq.conf", 8527, 0, 0, 0},
    {"dnsmasq", "dnsmasq/urlhaus-20240809.dnsmasq.conf", 1828, 0, 2, 0},
    {"unbound", "unbound/urlhaus-20240809.unbound.conf", 1828, 0, 2, 0},
    {"unbound", "unbound/vn-badsite-20240809.unbound.conf", 16840, 1, 0, 2},
    {"bind", "bind/urlhaus-20240809.bind.conf", 1828, 0, 2, 0},
    {"dnscrypt", "dnscrypt/urlhaus-20240809.blocked-names.txt", 1828, 0, 2, 0},
    {"dnscrypt", "dnscrypt/urlhaus-20240809.blocked-ips.txt", 0, 2285, 0, 0},
    {"rpz", "rpz/urlhaus-20240809.rpz.conf", 1828, 0, 2, 0},
    {"rpz", "rpz/vn-badsite-20240809.rpz.conf", 16842, 1, 0, 0},
    {"ip", "ip/blocklistproject-malware.ip.txt", 0, 20906, 1, 0},
    {"url", "url/unit42-scam-js-urls.txt", 2528, 0, 0, 0},
    {"csv", "csv/urlhaus-20240809-splunk.csv", 392, 2285, 0, 0},
    {"csv", "csv/blackbook.csv", 18142, 0, 5, 0},
    {"csv", "csv/stalkerware-20240324.network.csv", 891, 65, 0, 0},
    {"csv", "csv/amnesty-nso-2018.csv", 595, 0, 0, 0},
    {"csv", "csv/unit42-silverterrier18.csv", 18514, 6, 79, 0},
    {"csv", "csv/volexity-2023-3cx.csv", 23, 0, 11, 0},
    {"csv", "csv/volexity-2020-oceanlotus.csv", 26, 0, 3, 0},  // the three are sha256
    {"csv", "csv/volexity-2023-powerstar.csv", 5, 0, 5, 0},
    {"csv", "csv/volexity-2024-ivanti.csv", 3, 13, 0, 0},
    {"defanged", "defanged/unit42-keybase_panels.txt", 1369, 71, 2, 0},
    {"defanged", "defanged/unit42-macro_loader.csv", 122, 12, 8, 0},
    {"defanged", "defanged/unit42-MuddyWater.csv", 61, 33, 1, 0},
    {"defanged", "defanged/unit42-BazarCall-A.txt", 50, 46, 76, 0},
    {"defanged", "defanged/unit42-fakeflash-B.txt", 78, 37, 0, 0},
    {"defanged", "defanged/unit42-shade-urls.txt", 190, 0, 0, 0},
    {"defanged", "defanged/unit42-TA551-2020-07-09.txt", 19, 14, 0, 0},
    {"defanged", "defanged/eset-stantinko.adoc", 213, 99, 2, 0},
    {"defanged", "defanged/eset-turla.adoc", 73, 17, 0, 0},
    {"defanged", "defanged/eset-gamaredon.adoc", 28, 28, 0, 0},
    {"defanged", "defanged/eset-interception.adoc", 11, 1, 0, 0},
    {"maltrail", "maltrail/malware-asyncrat.txt", 5697, 8569, 30, 0},
    {"maltrail", "maltrail/malware-cobaltstrike.txt", 4190, 5758, 519, 0},
    {"maltrail", "maltrail/malware-emotet.txt", 231, 3085, 9952, 0},
    {"maltrail", "maltrail/malware-elf_mirai.txt", 3994, 8422, 37482, 0},
    {"maltrail", "maltrail/malware-apt_lazarus.txt", 3448, 426, 629, 0},
    {"maltrail", "maltrail/malware-agenttesla.txt", 1138, 344, 340, 0},
    {"maltrail", "maltrail/malicious-magentocore.txt", 12222, 44, 217, 0},
    {"maltrail", "maltrail/malicious-domain_shadowing.txt", 10, 0, 0, 0},
    {"maltrail", "maltrail/suspicious-dynamic_domain.txt", 1556, 0, 0, 474},
    {"maltrail", "maltrail/suspicious-pua.txt", 1801, 70, 39, 0},
    {"maltrail", "maltrail/suspicious-free_web_hosting.txt", 264, 0, 0, 2},
    {"maltrail", "maltrail/suspicious-onion.txt", 54, 1, 1, 0},
    {"maltrail", "maltrail/suspicious-crypto_mining.txt", 279, 400, 0, 0},
    {"maltrail", "maltrail/suspicious-domain.txt", 4296, 0, 57, 8},
    {"stix", "stix/amnesty-pegasus.stix2.json", 1438, 0, 111, 0},
    {"stix", "stix/amnesty-cytrox.stix2.json", 336, 0, 7, 0},
    {"stix", "stix/unit42-IcedID_Malware.stix.json", 26, 31, 146, 0},
    {"stix", "stix/unit42-qakbotmalware.stix.json", 6, 12, 18, 0},
    {"stix", "stix/unit42-AstarothMalware.stix.json", 4, 5, 4, 0},
    {"stix", "stix/unit42-realtek-sdk-cve-2021-35394.stix.json", 0, 14, 0, 0},
    {"stix", "stix/unit42-watchdog-cryptomining-operation.stix.json", 8, 23, 35, 0},
    {"stix", "stix/oasis-indicator-for-c2-ip-address.json", 0, 0, 1, 0},
    {"stix", "stix/oasis-indicator-to-campaign-relationship.json", 0, 0, 1, 0},
    {"stix", "stix/oasis-infrastructure.json", 0, 0, 0, 0},
    {"stix", "stix/oasis-apt1.json", 3, 4, 5, 0},
    {"stix", "stix/oasis-poisonivy.json", 24, 18, 3, 0},
    {"stix", "stix/stalkerware-20220501.stix2.json", 560, 1, 1525, 0},
    {"misp", "misp/stalkerware-20240324.misp_event.json", 940, 0, 5189, 0},
    {"misp", "misp/eset-mozi.misp-event.json", 0, 1, 140, 0},
    {"misp", "misp/eset-misp-machete-event.json", 0, 0, 396, 0},
    {"misp", "misp/eset-misp-dukes-operation-ghost-event.json", 0, 0, 101, 0},
    {"misp", "misp/eset-misp-xdspy-event.json", 0, 0, 71, 0},
    {"misp", "misp/pymisp-existing_event.json", 18, 11, 91, 0},
    {"misp", "misp/pymisp-57c4445b.json", 0, 0, 9, 0},
    {"misp", "misp/pymisp-HTML_event.json", 0, 0, 13, 0},
    {"misp", "misp/pymisp-japanese_test.json", 0, 0, 1, 0},
    // One reject more than the other count: the list "denySub" has a meaning that is not known, and that is
    // said.
    {"json", "json/polkadot-phishing-20250601.json", 45342, 4, 1 + 1, 6},
    // Three addresses more: some stand below "ip" instead of "ips", and mean the same.
    {"yaml", "yaml/stalkerware-20240324.ioc.yaml", 1334, 65 + 3, 0, 0},
    {"hosts", "history/blocklistproject-scam-2026-06-21.hosts.txt", 1275, 0, 0, 0},
    {"hosts", "history/blocklistproject-scam-2026-06-23.hosts.txt", 0, 0, 0, 0},
    {"hosts", "history/blocklistproject-scam-2026-06-25.hosts.txt", 1275, 0, 0, 0},
    {"plain", "history/urlhaus-online-2022-02-24.domains.txt", 1078, 4969, 0, 0},
    {"plain", "history/urlhaus-online-2022-02-25.domains.txt", 1075, 5050, 0, 0},
    {"plain", "history/urlhaus-online-2022-02-26.domains.txt", 1071, 5280, 0, 0},
    {"plain", "history/urlhaus-online-2022-02-27.domains.txt", 631, 2863, 0, 0},
    {"plain", "history/urlhaus-online-2022-02-28.domains.txt", 1062, 5205, 0, 0},
    {"plain", "history/urlhaus-online-2022-03-01.domains.txt", 1056, 5140, 0, 0},
    {"plain", "history/urlhaus-online-2022-03-02.domains.txt", 1069, 5189, 0, 0},
};

// A report of the file, fed in pieces as a download would.
FeedReport report_of(const std::string& body, const ParseOptions& options) {
  FeedReport report;
  auto parser = make_parser(options, report);
  REQUIRE(parser);
  for (size_t at = 0; at < body.size(); at += 65536) {
    REQUIRE((*parser)->feed(as_bytes(std::string_view(body).substr(at, 65536))));
  }
  REQUIRE((*parser)->finish());
  return report;
}

}  // namespace

TEST_CASE("Real feeds give what another reader of the same rules finds in them") {
  const auto folder = test::feeds_folder();
  if (!folder) {
    WARN("SKIPPED: real feeds: no folder of real feeds");
    return;
  }
  const auto suffixes = PublicSuffixes::from_file(*folder / "benign/public_suffix_list.dat");
  REQUIRE(suffixes);
  for (const RealFeed& feed : kFeeds) {
    INFO(feed.file);
    const ParseOptions options{.format = feed.format, .suffixes = &*suffixes};
    const FeedReport report = report_of(read_file(*folder / feed.file), options);
    CHECK(report.names() == feed.names);
    CHECK(report.addresses() == feed.addresses);
    CHECK(report.rejected_rows() == feed.rejects);
    CHECK(report.held_names() == feed.held);
  }
}

TEST_CASE("A TAXII collection read page by page gives what its bundle gives") {
  const auto folder = test::feeds_folder();
  if (!folder) {
    WARN("SKIPPED: real feeds: no folder of real feeds");
    return;
  }
  std::vector<std::string> paged;
  for (const char* page : {"1", "2", "3", "4"}) {
    const std::string body = read_file(*folder / "taxii" / ("cytrox-page-" + std::string(page) + ".json"));
    const std::vector<std::string> list = report_of(body, ParseOptions{.format = "taxii"}).list();
    paged.insert(paged.end(), list.begin(), list.end());
  }
  std::sort(paged.begin(), paged.end());
  paged.erase(std::unique(paged.begin(), paged.end()), paged.end());
  const std::string bundle = read_file(*folder / "stix/amnesty-cytrox.stix2.json");
  CHECK(paged.size() == 336);
  CHECK(paged == report_of(bundle, ParseOptions{.format = "stix"}).list());
}

TEST_CASE("The layouts of abuse.ch are read in CSV and in JSON") {
  const auto folder = test::feeds_folder();
  if (!folder) {
    WARN("SKIPPED: real feeds: no folder of real feeds");
    return;
  }
  const FeedReport csv =
      report_of(read_file(*folder / "csv/abusech-threatfox-format.csv"), ParseOptions{.format = "csv"});
  const FeedReport json =
      report_of(read_file(*folder / "csv/abusech-threatfox-format.json"), ParseOptions{.format = "json"});
  const std::vector<std::string> all = csv.list();
  const std::vector<std::string> some = json.list();  // the JSON file holds the first entries of the CSV file
  CHECK(some.size() == 371 + 127);
  CHECK(all.size() == 2841 + 1006);
  CHECK(std::includes(all.begin(), all.end(), some.begin(), some.end()));
  const FeedReport feodo =
      report_of(read_file(*folder / "csv/abusech-feodo-format.csv"), ParseOptions{.format = "csv"});
  CHECK(feodo.addresses() == 60);
  const FeedReport urlhaus =
      report_of(read_file(*folder / "csv/abusech-urlhaus-format.csv"), ParseOptions{.format = "csv"});
  CHECK(urlhaus.names() == 1931);
  CHECK(urlhaus.addresses() == 2017);
  for (const std::string& entry : urlhaus.list()) {
    CHECK(entry.find("abuse.ch") == std::string::npos);  // the feed's own links are not what it lists
  }
}

TEST_CASE("auto knows every real feed by its first kilobytes") {
  const auto folder = test::feeds_folder();
  if (!folder) {
    WARN("SKIPPED: real feeds: no folder of real feeds");
    return;
  }
  for (const RealFeed& feed : kFeeds) {
    // What only a person can know: that bare names are meant as suffixes, or that names in text are meant.
    const std::string file = feed.file;
    if (std::string_view(feed.format) == "wildcard" || std::string_view(feed.format) == "dnscrypt" ||
        file.ends_with(".adoc") || file.starts_with("large/") || file == "defanged/unit42-MuddyWater.csv" ||
        file == "defanged/unit42-macro_loader.csv" || feed.names + feed.addresses == 0) {
      continue;
    }
    INFO(file);
    std::string head = read_file(*folder / file).substr(0, kRecogniseBytes);
    head.erase(0, head.starts_with("\xEF\xBB\xBF") ? 3 : 0);  // the decoder takes the mark
    CHECK(recognise_format(head) == feed.format);
  }
}

}  // namespace cenote::real_feeds_test
