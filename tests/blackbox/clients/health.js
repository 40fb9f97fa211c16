// Asks for a daemon's health with the service that grpc-health-check describes:
//   node health.js HOST:PORT [SERVICE]
// Prints what Check says, then what Watch says first. NODE_PATH is to name the folder of the packages.
const grpc = require('@grpc/grpc-js');
const {service} = require('grpc-health-check');

const [address, name = ''] = process.argv.slice(2);
const Client = grpc.makeGenericClientConstructor(service, 'Health');
const client = new Client(address, grpc.credentials.createInsecure());

client.Check({service: name}, (error, response) => {
  console.log(error ? `error ${error.code}` : response.status);
  const watch = client.Watch({service: name});
  watch.on('error', () => {});
  watch.once('data', (message) => {
    console.log(message.status);
    watch.cancel();
    client.close();
  });
});
