export { Producer, type ProducerOptions } from './producer.ts';
