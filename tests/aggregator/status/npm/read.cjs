// Reads a whole status page by the published client and prints what it found: node read.cjs URL
const { Statuspage } = require("statuspage.io");

async function read(url) {
  const client = new Statuspage("page");
  client.setApiUrl(url);
  const { api } = client;
  return {
    status: await api.getStatus(),
    summary: await api.getSummary(),
    components: await api.getComponents(),
    incidents: await api.incidents.getAll(),
    unresolved: await api.incidents.getUnresolved(),
    upcoming: await api.scheduledMaintenances.getUpcoming(),
  };
}

read(process.argv[2]).then(
  (found) => process.stdout.write(JSON.stringify(found)),
  (error) => {
    process.stderr.write(`${error}\n`);
    process.exitCode = 1;
  },
);
