// scimmy-routers on Express over one SQLite table: better-sqlite3, WAL, synchronous=NORMAL, an index on the name.
// From the environment: BENCH_DIR (where the database is), SEED (users to begin with), TOKEN, PORT.
import { randomUUID } from "node:crypto";
import Database from "better-sqlite3";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const { BENCH_DIR, SEED, TOKEN, PORT } = process.env;
const database = new Database(`${BENCH_DIR}/peer.db`);
database.pragma("journal_mode = WAL");
database.pragma("synchronous = NORMAL");
database.exec("CREATE TABLE IF NOT EXISTS kept (id TEXT PRIMARY KEY, name TEXT UNIQUE, body TEXT)");
const byId = database.prepare("SELECT body FROM kept WHERE id = ?");
const byName = database.prepare("SELECT body FROM kept WHERE name = ?");
const every = database.prepare("SELECT body FROM kept");
const gone = database.prepare("DELETE FROM kept WHERE id = ?");
const put = database.prepare(
  "INSERT INTO kept VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, body = excluded.body");

const loaded = (rows) => rows.map((row) => JSON.parse(row.body));
const keep = (user) => put.run(user.id, user.userName.toLowerCase(), JSON.stringify(user));
const wantedName = (filter) => {
  const asked = filter?.length === 1 && filter[0]?.userName;
  return Array.isArray(asked) && asked[0] === "eq" ? String(asked[1]).toLowerCase() : null;
};

database.transaction(() => {
  for (let number = 0; number < Number(SEED); number++) {
    const address = `user${number}@example.com`;
    keep({
      id: randomUUID(), userName: address, active: true, name: { givenName: "Ada", familyName: "Byte" },
      emails: [{ value: address, type: "work", primary: true }],
      meta: { created: new Date(), lastModified: new Date() },
    });
  }
})();

SCIMMY.Resources.declare(SCIMMY.Resources.User, {
  egress: (resource) => {
    if (resource.id) {
      const [user] = loaded([byId.get(resource.id)].filter(Boolean));
      if (!user) throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
      return user;
    }
    const name = wantedName(resource.filter);
    if (name) return loaded(byName.all(name));
    const users = loaded(every.all());
    return resource.filter ? resource.filter.match(users) : users;
  },
  ingress: (resource, data) => {
    const user = JSON.parse(JSON.stringify(data));
    const [before] = resource.id ? loaded([byId.get(resource.id)].filter(Boolean)) : [];
    const now = new Date().toISOString();
    if (!resource.id && byName.get(user.userName.toLowerCase()))
      throw new SCIMMY.Types.Error(409, "uniqueness", "userName is taken");
    user.id = resource.id || randomUUID();
    user.meta = { created: before?.meta?.created || now, lastModified: now };
    keep(user);
    return user;
  },
  degress: (resource) => { gone.run(resource.id); },
});

const app = express();
const handler = (asked) => {
  if (asked.header("Authorization") !== `Bearer ${TOKEN}`) throw new Error("no");
  return "bench";
};
app.use("/scim/v2", new SCIMMYRouters({ type: "bearer", handler }));
app.listen(Number(PORT), "127.0.0.1");
