// Derived fields: the vectors of the rules, the pass that resumes, filters and facets on its fields, tables over them.
#include "logs/conversation.h"
#include "logs/derive.h"
#include "logs/derived_fields.h"
#include "logs/family_tree.h"
#include "logs/language.h"
#include "logs/mask.h"
#include "logs/stats.h"
#include "store/people_db.h"
#include "tests/core/logs/log_fixture.h"

using namespace retort;
using namespace retort::logs;
using namespace retort::logs::test;

namespace {

std::string hex(std::uint64_t h) {
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(h));
  return text;
}

providers::PriceTable prices() {
  providers::PriceTable table;
  const Json json = {{"schema", "retort.prices/1"}, {"as_of", "2026-01-01"}, {"currency", "USD"}, {"unit", "per million tokens"},
                     {"models", {{{"model", "amazon.nova-lite-v1:0"}, {"provider", "bedrock"}, {"input", "3.00"}, {"output", "15.00"}}}}};
  if (const auto added = table.add(json, "test", "test"); !added.ok()) qFatal("%s", added.error().text().c_str());
  return table;
}

/// A Converse record: messages as pairs of role and text, the last an answer.
std::string call(int n, int second, const std::vector<std::pair<std::string, std::string>>& messages, const std::string& system = {}, const std::string& more = {}) {
  char time[32];
  std::snprintf(time, sizeof time, "2026-03-02T%02d:%02d:%02dZ", second / 3600 % 24, second / 60 % 60, second % 60);
  std::string body = "{";
  if (!system.empty()) body += "\"system\":[{\"text\":" + dumpJson(Json(system)) + "}],";
  body += "\"messages\":[";
  for (std::size_t i = 0; i + 1 < messages.size(); ++i)
    body += std::string(i ? "," : "") + "{\"role\":\"" + messages[i].first + "\",\"content\":[{\"text\":" + dumpJson(Json(messages[i].second)) + "}]}";
  return R"({"schemaType":"ModelInvocationLog","timestamp":")" + std::string(time) + R"(","accountId":"1","identity":{"arn":"app"},"requestId":")" + (n < 0 ? "req-1" : uuid(n)) +
         R"(","operation":"Converse","modelId":"amazon.nova-lite-v1:0",)" + more + R"("input":{"inputBodyJson":)" + body +
         R"(]},"inputTokenCount":900},"output":{"outputBodyJson":{"output":{"message":{"role":"assistant","content":[{"text":)" + dumpJson(Json(messages.back().second)) +
         R"(}]}},"stopReason":"end_turn"},"outputTokenCount":120}})" + "\n";
}

DeriveSummary derive(const Place& place) {
  const auto summary = deriveFields(place.root, prices());
  if (!summary.ok()) qFatal("%s", summary.error().text().c_str());
  return *summary;
}

std::uint64_t count(const LogStore& store, const std::string& filter) {
  const auto parsed = parseFilter(filter);
  if (!parsed.ok()) qFatal("%s", parsed.error().text().c_str());
  const auto n = store.count(*parsed);
  if (!n.ok()) qFatal("%s", n.error().text().c_str());
  return *n;
}

}  // namespace

class TstDerive : public QObject {
  Q_OBJECT

 private slots:
  void masks_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("masked");
    QTest::newRow("ticket") << "Ticket 4711 from \"Ana\": refund order 77" << "Ticket <*> from <*>: refund order <*>";
    QTest::newRow("tags") << "Read <doc>a <b>x</b> 12</doc> and <lang>de</lang>." << "Read <doc><*></doc> and <lang><*></lang>.";
    QTest::newRow("same name inside") << "<a>1<a>2</a>3</a>4" << "<a><*></a><*>";
    QTest::newRow("open tag") << "<a>no end 5" << "<a>no end <*>";
    QTest::newRow("addresses") << "see https://x.org/a?b=1 or mail a.b+c@d-e.co.uk now" << "see <*> or mail <*> now";
    QTest::newRow("no mail") << "me@home and @you" << "me@home and @you";
    QTest::newRow("ids") << "id 3f2a-99bc-00 deadbeef deadbee1 x" << "id <*> deadbeef <*> x";
    QTest::newRow("numbers") << "12.5% of 1,000:30 v2 2026-03-02" << "<*> of <*> v<*> <*>";
    QTest::newRow("quotes") << "`a b` and \"open\nline\" end\"" << "<*> and \"open\nline<*>";
  }
  void masks() {
    QFETCH(QString, text);
    QFETCH(QString, masked);
    QCOMPARE(QString::fromStdString(maskVariables(text.toStdString())), masked);
  }

  void familyVector() {
    FamilyTree tree;
    const std::string system = maskVariables("You route messages.");
    const auto a = tree.place(system, maskVariables("Ticket 4711 from \"Ana\": refund order 77"));
    const auto b = tree.place(system, maskVariables("Ticket 12 from \"Cy\": cancel order 8"));
    const auto c = tree.place(system, maskVariables("Something else entirely is said here"));
    const auto d = tree.place("Another system.", maskVariables("Ticket 12 from \"Cy\": cancel order 8"));
    QCOMPARE(a, b);
    QVERIFY(c != a && d != a && d != c);
    const auto& group = tree.groups()[static_cast<std::size_t>(a) - 1];
    QCOMPARE(group.id(), std::string("327d768752bc"));
    QCOMPARE(group.tmpl(), std::string("Ticket <*> from <*>: <*> order <*>"));
    // Free text of any length joins by its founder's first or last eight words.
    const auto e = tree.place(system, "one two three four five six seven eight nine ten");
    QCOMPARE(tree.place(system, "one two three four five six seven eight and quite another ending of the text"), e);
    QCOMPARE(tree.place(system, "words before three four five six seven eight nine ten"), e);
  }

  void conversationVector() {
    Call first;
    first.record.account = "1";
    first.messages = {Message{"user", "Hi", {}, {}, {}, {}, -1}};
    first.answer = Message{"assistant", "Hello", {}, {}, {}, {}, -1};
    const auto chain = callChain(first, "app");
    QCOMPARE(hex(chain.chain[0]).substr(0, 8), std::string("0f91238c"));
    QCOMPARE(hex(chain.end).substr(0, 8), std::string("e5bbac4d"));
    QCOMPARE(hex(static_cast<std::uint64_t>(conversationHash("req-1"))).substr(4), std::string("3312164f9498"));
    first.messages[0].text = " Hi\r\n";
    QCOMPARE(callChain(first, "app").chain[0], chain.chain[0]);
    QVERIFY(callChain(first, "other").chain[0] != chain.chain[0]);
  }

  void languages() {
    QCOMPARE(languageOf("How do I change the address of my order, please?"), std::string_view("en"));
    QCOMPARE(languageOf("Wie kann ich die Adresse meiner Bestellung bitte ändern?"), std::string_view("de"));
    QCOMPARE(languageOf("Comment changer l'adresse de ma commande, merci pour votre aide"), std::string_view("fr"));
    QCOMPARE(languageOf("¿Cómo puedo cambiar la dirección de mi pedido? Muchas gracias por la ayuda"), std::string_view("es"));
    QCOMPARE(languageOf("注文の住所を変更したいです"), std::string_view("ja"));
    QCOMPARE(languageOf("请帮我更改订单地址"), std::string_view("zh"));
    QCOMPARE(languageOf("Как мне изменить адрес, если это не так"), std::string_view("ru"));
    QCOMPARE(languageOf("x7 q9"), std::string_view());
  }

  void passFillsFieldsAndResumes() {
    Place place;
    std::string text;
    // req-1 starts a conversation; the second call extends it, the third its second turn; the fourth is a repeat.
    text += call(-1, 10, {{"user", "Hi"}, {"assistant", "Hello"}});
    text += call(2, 20, {{"user", "Hi"}, {"assistant", "Hello"}, {"user", "More"}, {"assistant", "Yes"}});
    text += call(3, 30, {{"user", "Hi"}, {"assistant", "Hello"}, {"user", "More"}, {"assistant", "Yes"}, {"user", "Again"}, {"assistant", "No"}});
    text += call(4, 40, {{"user", "Hi"}, {"assistant", "Hello there"}});
    for (int n = 0; n < 30; ++n) text += call(100 + n, 100 + n, {{"user", "Ticket " + std::to_string(n) + " from \"Ana\": refund order 7"}, {"assistant", "ok"}}, "You route messages.");
    place.write("a.jsonl", text);
    QCOMPARE(place.import()->accepted, 34);
    auto store = *LogStore::open(place.db());
    QCOMPARE(count(*store, "exists(@family)"), std::uint64_t(0));
    QCOMPARE(store->derivedProgress().done, std::uint64_t(0));
    QCOMPARE(worth(*store, {}, {}).error().code, std::string("logs.derived.none"));
    QCOMPARE(derive(place).records, std::int64_t(34));
    QCOMPARE(derive(place).records, std::int64_t(0));
    QVERIFY(*store->refresh());
    QCOMPARE(store->derivedProgress().done, std::uint64_t(34));
    QCOMPARE(count(*store, "@conversation = \"3312164f9498\""), std::uint64_t(3));
    QCOMPARE(count(*store, "@conversation = \"3312164f9498\" and @step = 2"), std::uint64_t(1));
    QCOMPARE(count(*store, "@step >= 3"), std::uint64_t(1));
    QCOMPARE(count(*store, "@conversation != \"3312164f9498\""), std::uint64_t(31));
    QCOMPARE(count(*store, "@repeat = \"again\""), std::uint64_t(1));
    QCOMPARE(count(*store, "@family = \"327d768752bc\""), std::uint64_t(30));
    QCOMPARE(count(*store, "@system = \"" + systemId("You route messages.") + "\""), std::uint64_t(30));
    QCOMPARE(count(*store, "not exists(@system)"), std::uint64_t(4));
    QCOMPARE(count(*store, "@caller = \"app\" and @account = \"1\""), std::uint64_t(34));
    QCOMPARE(count(*store, "@language = \"en\""), std::uint64_t(0));
    // 900 x $3 + 120 x $15 a million
    QCOMPARE(count(*store, "@cost = 0.0045"), std::uint64_t(34));
    QCOMPARE(count(*store, "@cost > 0.0045 or @cost < 0.0045"), std::uint64_t(0));
    const auto facet = (*store->facets({}, {"@family"}))[0];
    QCOMPARE(facet.values[0].value, std::string("327d768752bc"));
    QCOMPARE(facet.values[0].count, std::uint64_t(30));
    QVERIFY(store->derived()->describe("@family", "327d768752bc")->starts_with("Ticket from"));
    QVERIFY(!parseFilter("@conversation contains \"3\"").ok());
    // An append continues the stored tree and the window of conversations.
    std::string more = call(5, 50, {{"user", "Hi"}, {"assistant", "Hello"}, {"user", "Other"}, {"assistant", "Then"}});
    for (int n = 30; n < 40; ++n) more += call(100 + n, 200 + n, {{"user", "Ticket " + std::to_string(n) + " from \"Bo\": cancel order 9"}, {"assistant", "ok"}}, "You route messages.");
    place.write("b.jsonl", more);
    QCOMPARE(place.import()->accepted, 11);
    QCOMPARE(derive(place).records, std::int64_t(11));
    QVERIFY(*store->refresh());
    QCOMPARE(count(*store, "@family = \"327d768752bc\""), std::uint64_t(40));
    QCOMPARE(count(*store, "@conversation = \"3312164f9498\" and @step = 2"), std::uint64_t(2));
    // One pass over everything gives the same fields.
    Place whole;
    whole.write("a.jsonl", text);
    whole.write("b.jsonl", more);
    QCOMPARE(whole.import()->accepted, 45);
    derive(whole);
    const auto again = *LogStore::open(whole.db());
    for (const char* filter : {"@family = \"327d768752bc\"", "@conversation = \"3312164f9498\"", "@step = 2", "@repeat = \"again\"", "exists(@family)"}) QVERIFY(*again->ids(*parseFilter(filter)) == *store->ids(*parseFilter(filter)));
    std::stop_source stop;
    stop.request_stop();
    fs::remove(whole.root / "derived.db");
    QVERIFY(isCancelled(deriveFields(whole.root, prices(), stop.get_token()).error()));
  }

  void importsTakeNoLateFields() {
    Place place;
    place.write("a.jsonl", line(1) + "\n");
    QCOMPARE(place.import(1, "@family = \"x\"").error().code, std::string("filter.field.late"));
  }

  void whatPeopleSaidIsFilteredOn() {
    Place place;
    std::string text;
    for (int n = 0; n < 10; ++n) text += line(n) + "\n";
    place.write("a.jsonl", text);
    QVERIFY(place.import().ok());
    auto store = *LogStore::open(place.db());
    auto people = *store::PeopleDb::open(place.root / "retort.db");
    const std::vector<std::uint32_t> some = {1, 3, 5};
    const auto keys = *store->requestKeys(some);
    QCOMPARE(people.setTag(keys, "odd", true)->size(), std::size_t(3));
    QCOMPARE(people.setTag(keys, "odd", true)->size(), std::size_t(0));
    QVERIFY(people.setRating(std::span(keys).first(2), 4).ok());
    QVERIFY(people.db().exec("INSERT INTO annotation SELECT rid,'label.gold','text','A','test' FROM tag LIMIT 2; INSERT INTO annotation SELECT rid,'env','text','A','test' FROM tag").ok());
    QVERIFY(*store->refresh());
    QVERIFY(!*store->refresh());
    QCOMPARE(*store->ids(*parseFilter("@tags = \"odd\"")), some);
    QCOMPARE(count(*store, "@rating >= 3.5"), std::uint64_t(2));
    QCOMPARE(count(*store, "@rating = 4.0"), std::uint64_t(2));
    QCOMPARE(count(*store, "@rating != 4 missing(absent)"), std::uint64_t(0));
    QCOMPARE(count(*store, "label.gold = \"A\" and @tags = \"odd\""), std::uint64_t(2));
    QCOMPARE(count(*store, "env = \"A\""), std::uint64_t(0));   // a column never hides a metadata key
    QCOMPARE(count(*store, "env = \"prod\""), std::uint64_t(10));
    QCOMPARE((*store->facets({}, {"@tags"}))[0].missing, std::uint64_t(7));
    QVERIFY(people.setTag(keys, "odd", false).ok());
    QVERIFY(*store->refresh());
    QCOMPARE(count(*store, "exists(@tags)"), std::uint64_t(0));
    QVERIFY(!people.setRating(keys, 6).ok());
    QVERIFY(!people.setTag(keys, "", true).ok());
  }

  void tablesAddUp() {
    Place place;
    std::string text;
    // families.md: 28,000 calls of 900 + 120 tokens in 14 days; here a thousandth of them.
    for (int n = 0; n < 28; ++n) {
      const std::string user = n < 22 ? "Please sort the message number " + std::to_string(n) + " for me" : "Please sort the message number 1 for me";
      text += call(1000 + n, 600 * n, {{"user", user}, {"assistant", "ok"}}, {}, n % 2 ? R"("requestMetadata":{"team":"a"},)" : R"("requestMetadata":{"team":"b"},)");
    }
    place.write("a.jsonl", text);
    QVERIFY(place.import().ok());
    derive(place);
    const auto store = *LogStore::open(place.db());
    const auto all = *statistics(*store, {}, {});
    QCOMPARE(all.size(), std::size_t(1));
    QCOMPARE(all[0].records, std::uint64_t(28));
    QCOMPARE(all[0].inputTokens, std::int64_t(28 * 900));
    QCOMPARE(all[0].outputTokens, std::int64_t(28 * 120));
    QCOMPARE(all[0].repeats, std::uint64_t(6));
    QVERIFY(std::abs(all[0].cost - 28 * 0.0045) < 1e-9);
    QVERIFY(!all[0].p50LatencyMs);
    StatsOptions options;
    options.keys = {"team", "@model"};
    options.isPerDay = true;
    const auto rows = *statistics(*store, *parseFilter("team = \"a\""), options);
    QCOMPARE(rows.size(), std::size_t(1));
    QCOMPARE(rows[0].values, (std::vector<std::string>{"a", "amazon.nova-lite-v1:0", "2026-03-02"}));
    options.keys = {"tean"};
    QCOMPARE(statistics(*store, {}, options).error().code, std::string("logs.key.unknown"));
    const auto w = *worth(*store, {}, {});
    QVERIFY(w.isShort);
    QCOMPARE(w.rows.size(), std::size_t(1));
    const double k = 30.4375 / (27.0 * 600 / 86400);
    QVERIFY(std::abs(w.rows[0].cost - k * 28 * 0.0045) < 1e-6);
    QVERIFY(std::abs(w.rows[0].cache - k * 6 * 0.0045) < 1e-6);
    QVERIFY(std::abs(w.rows[0].saving - k * 22 * (0.0045 - 0.000138)) < 1e-6);
    // 21,000 rows that count in 14 days: rank 199.15; a long answer ranks lower: 77.62
    QVERIFY(std::abs(worthRank(30.4375 / 14 * 21'000 * (0.0045 - 0.000138), 120) - 199.15) < 0.005);
    const double c = (2000 * 3 + 2048 * 15) / 1e6, s = (2000 * 0.10 + 2048 * 0.40) / 1e6;
    QVERIFY(std::abs(worthRank(30.4375 / 14 * 4000 * (c - s), 2048) - 77.62) < 0.005);
  }
};

QTEST_GUILESS_MAIN(TstDerive)
#include "tst_derive.moc"
